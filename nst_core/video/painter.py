"""The frame painter, and content statistics smoothed over time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from nst_core.images.picture import Picture, Pixels
from nst_core.stylize.composition import Floats, compose_floats
from nst_core.stylize.engine import Engine
from nst_core.stylize.plan import Target
from nst_core.stylize.renderer import Encoded
from nst_core.stylize.request import OnNotice, RenderRequest
from params.painting import PaintSettings, PictureSettings

#: Interval in frames between two measurements of content statistics; smoothing spans more frames.
MEASURE_EVERY = 4
#: Exponential smoothing factor of the content statistics, for each frame.
SMOOTHING = 0.12


class FramePainter:
    """Paints single frames with one engine, style and settings for a whole video.

    `style` is the statistics (1, S) of a style or mix; None for a network that holds its style.
    `identity` is a key of everything that decides the pixels beside the frame: a resumed run must have
    the same key. The noise holds still from frame to frame. If memory runs
    out, the painter goes on with less memory until the end of the video.
    """

    def __init__(
        self,
        engine: Engine,
        style: Tensor | None = None,
        settings: PaintSettings | None = None,
        on_notice: OnNotice | None = None,
    ) -> None:
        self._engine = engine
        self._renderer = engine.renderer(on_notice)
        self._style = style
        given = settings or PaintSettings()
        self._settings = PictureSettings(**given.model_dump(include=set(PaintSettings.model_fields)))
        digest = (
            "" if style is None else hashlib.sha256(style.detach().cpu().numpy().tobytes()).hexdigest()
        )
        self.identity = f"{engine.digest} {digest} {self._settings.model_dump_json()}"

    @property
    def runtime(self) -> str:
        """Runtime and device in use, such as "openvino on cpu"."""
        return f"{self._renderer.runtime} on {self._renderer.device}"

    @property
    def on_cuda(self) -> bool:
        """Whether a graphics card computes the network."""
        return torch.device(self._renderer.device).type == "cuda"

    def encode(self, pixels: Pixels) -> Encoded:
        """Encode a frame (H, W, 3) uint8, with its content statistics if the network has them."""
        grain = self._engine.grain(self._request(pixels, 1.0))
        return self._renderer.encode([pixels], grains=[grain])

    def paint(
        self,
        pixels: Pixels,
        alpha: float,
        content: Tensor | None = None,
        encoded: Encoded | None = None,
    ) -> Floats:
        """Paint a frame at strength `alpha`: (H, W, 3) float32 in 0..255; 0 returns the frame.

        `content` (1, S) are the content statistics to normalise by, the frame's own if None. `encoded`
        is the result of `encode`, if the frame was encoded already.
        """
        prepared = self._engine.prepared(self._request(pixels, alpha))
        outputs = (self._output(target, pixels, content, encoded) for target in prepared.plan.targets)
        (layers,) = prepared.plan.pictures(outputs)
        return compose_floats(pixels, layers, self._settings)

    def _request(self, pixels: Pixels, alpha: float) -> RenderRequest:
        return RenderRequest(
            content=Picture(pixels), style=self._style, alphas=[alpha], settings=self._settings
        )

    def _output(
        self, target: Target, pixels: Pixels, content: Tensor | None, encoded: Encoded | None
    ) -> Tensor:
        if encoded is None:
            grain = self._engine.grain(self._request(pixels, 1.0))
            encoded = self._renderer.encode([pixels], reuse=False, grains=[grain])
        output = self._renderer.decode(encoded, [target], content)
        return self._engine.corrected(output, Picture(pixels), self._settings.color)


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit PyTorch to one thread while another runtime computes the network.

    PyTorch's threads wait for each other at every small operation, which on a busy machine takes longer
    than the operation: 127 ms instead of 3 ms to compose a frame of 640×360.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True, eq=False)
class ContentState:
    """Content statistics (1, S) after a frame: smoothed, last measured, frames since measured."""

    smoothed: Tensor
    measured: Tensor
    age: int

    def next(self, measured: Tensor | None) -> ContentState:
        """State after the next frame of the scene, with its statistics if they were measured."""
        latest = self.measured if measured is None else measured
        age = self.age + 1 if measured is None else 0
        return ContentState(torch.lerp(self.smoothed, latest, SMOOTHING), latest, age)

    @property
    def is_due(self) -> bool:
        """Whether the statistics of the next frame are to be measured."""
        return self.age + 1 >= MEASURE_EVERY


def first_state(measured: Tensor | None) -> ContentState | None:
    """State after the first frame of a scene; None for networks without content statistics."""
    return None if measured is None else ContentState(measured, measured, 0)
