"""How many jobs of a shape a device gains by rendering in one pass."""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import TYPE_CHECKING

from worker.batching.device import Device
from worker.batching.pass_times import PassTimes
from worker.batching.shape import Shape
from worker.engines import Engines

if TYPE_CHECKING:
    from nst_core.stylize.batching import Prepared
    from nst_core.stylize.engine import Engine

log = logging.getLogger(__name__)

#: Networks and sizes whose times are kept; the least recently used are measured again.
_CAPACITY = 128


class BatchSizes:
    """Measures each network and size when it is first needed, within about a second."""

    def __init__(self, engines: Engines, device: Device) -> None:
        self._engines = engines
        self._device = device
        self._measured: OrderedDict[tuple[str, int, int], int] = OrderedDict()

    def of(self, shape: Shape) -> int:
        """The number of jobs of a shape in a pass; 1 if it can't be measured."""
        sides = shape.network_sides
        if sides is None:
            return 1
        key = (shape.network, *sides)
        if key not in self._measured:
            self._measured[key] = self._measure(shape.network, *sides)
            while len(self._measured) > _CAPACITY:
                self._measured.popitem(last=False)
        self._measured.move_to_end(key)
        return self._measured[key]

    def _measure(self, network: str, width: int, height: int) -> int:
        try:
            engine = self._engines.get(network)
            ready = _grey(engine, width, height)
            with self._device.taken(self._device.now()):
                times = PassTimes.measured(
                    lambda count: list(engine.passes([ready] * count)), self._device.now
                )
        except Exception as error:  # the job itself then fails, and says why
            log.warning("passes of %s at %d×%d were not measured: %r", network, width, height, error)
            return 1
        log.info(
            "%s at %d×%d, milliseconds a picture by pictures in a pass: %s; batches of %d",
            *(network, width, height, times, times.batch_size),
        )
        return times.batch_size


def _grey(engine: Engine, width: int, height: int) -> Prepared:
    """A request for a grey picture."""
    import numpy as np

    from nst_core.images.picture import Picture
    from nst_core.stylize.request import RenderRequest

    grey = Picture(np.full((height, width, 3), 128, np.uint8))
    style = None if engine.fixed_style else engine.style_statistics(Picture(grey.pixels[:64, :64]))
    return engine.prepared(RenderRequest(content=grey, style=style, alphas=[1.0]))
