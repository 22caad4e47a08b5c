"""Runs graphs on a CUDA device and replays recordings of those that come again in the same shapes.

One small picture is mostly the time in which Python and PyTorch launch hundreds of kernels. A recording
launches all of them at once.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from nst_core.runtimes.graphs import Graph
from nst_core.runtimes.recorder import Recorder, Work, recorder_for

log = logging.getLogger(__name__)

#: Recordings in memory, of one network, part and shape each.
CAPACITY = 16
#: Largest inputs, in pixels of a batch, that are recorded. The card is busy with larger ones for longer
#: than their launch takes, and a recording would hold their memory.
RECORDED_PIXELS = 4_000_000
#: Shapes that are remembered to have been seen once.
_SEEN = 256

_Key = tuple[object, ...]


@dataclass(frozen=True, eq=False)
class _Recording:
    """A recorded graph: its inputs at their fixed place, and the work. `graph` is kept alive."""

    graph: Graph
    inputs: tuple[Tensor, ...]
    work: Work

    def replay(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        for place, value in zip(self.inputs, inputs, strict=True):
            place.copy_(value, non_blocking=True)
        return [output.clone() for output in self.work()]


class RecordedGraphs:
    """Graphs of all networks on one device, at most `capacity` of them recorded. Thread-safe.

    A graph is recorded when a shape comes for the second time, because a recording takes as long as
    several runs. A graph that can't be recorded runs without.
    """

    def __init__(
        self, device: str, *, capacity: int = CAPACITY, recorder: Recorder | None = None
    ) -> None:
        self.device = device
        self._capacity = capacity
        self._recorder = recorder or recorder_for(device)
        self._recordings: OrderedDict[_Key, _Recording] = OrderedDict()
        self._seen: OrderedDict[_Key, Graph] = OrderedDict()
        self._unrecordable: set[_Key] = set()
        self._lock = threading.Lock()

    @property
    def recorded(self) -> int:
        """The number of recordings in memory."""
        return len(self._recordings)

    def run(self, graph: Graph, *inputs: Tensor, extra_bytes: int) -> list[Tensor]:
        """The outputs of `graph` on the device, for inputs on any device.

        Takes at most `extra_bytes` of the card's memory beside what the process holds. Raises
        `torch.OutOfMemoryError`.
        """
        key = (id(graph), *(tuple(value.shape) for value in inputs))
        with self._lock, torch.inference_mode():
            moved = [self._moved(value) for value in inputs]
            recording = self._recordings.get(key)
            if recording is None and self._is_due(key, graph, inputs):
                recording = self._recorded(key, graph, moved, extra_bytes)
            if recording is None:
                return self._plain(graph, moved, extra_bytes)
            self._recordings.move_to_end(key)
            return recording.replay(moved)

    def drop(self) -> None:
        """Drop all recordings and give back their memory."""
        with self._lock:
            self._drop()

    def _moved(self, value: Tensor) -> Tensor:
        if value.device.type == torch.device(self.device).type:
            return value
        # From pinned memory the copy does not hold up this thread.
        return value.pin_memory().to(self.device, non_blocking=True)

    def _is_due(self, key: _Key, graph: Graph, inputs: Sequence[Tensor]) -> bool:
        """Whether to record a graph now: in a shape that was seen before, and not too large."""
        images = [value for value in inputs if value.dim() == 4 and value.shape[1] == 3]
        if key in self._unrecordable or any(
            image.shape[0] * image.shape[2] * image.shape[3] > RECORDED_PIXELS for image in images
        ):
            return False
        if key in self._seen:
            return True
        self._seen[key] = graph  # kept alive, so that no other graph gets its id
        while len(self._seen) > _SEEN:
            self._seen.popitem(last=False)
        return False

    def _recorded(
        self, key: _Key, graph: Graph, inputs: Sequence[Tensor], extra_bytes: int
    ) -> _Recording | None:
        while len(self._recordings) >= self._capacity:
            self._recordings.popitem(last=False)
        places = tuple(value.clone() for value in inputs)
        try:
            with self._recorder.limited(extra_bytes):
                work = self._recorder.record(lambda: _listed(graph(*places)))
        except torch.OutOfMemoryError:
            self._drop()
            return None
        except RuntimeError as error:
            self._unrecordable.add(key)
            log.warning("%s runs without a CUDA graph: %s", type(graph).__name__, error)
            return None
        self._recordings[key] = _Recording(graph, places, work)
        return self._recordings[key]

    def _plain(self, graph: Graph, inputs: Sequence[Tensor], extra_bytes: int) -> list[Tensor]:
        try:
            with self._recorder.limited(extra_bytes):
                return _listed(graph(*inputs))
        except torch.OutOfMemoryError:
            if not self._recordings:
                raise
        self._drop()  # outside of the handler, which holds the tensors of the failed run
        with self._recorder.limited(extra_bytes):
            return _listed(graph(*inputs))

    def _drop(self) -> None:
        self._recordings.clear()
        self._recorder.forget()


@cache
def graphs_of(device: str) -> RecordedGraphs:
    """The graphs of a device that all networks of this process share, and with them its memory."""
    return RecordedGraphs(device)


def _listed(outputs: Tensor | Sequence[Tensor]) -> list[Tensor]:
    return [outputs] if isinstance(outputs, Tensor) else list(outputs)
