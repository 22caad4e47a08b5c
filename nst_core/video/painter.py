"""Frame painters: one network with one style, and content statistics smoothed over time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from nst_core.images.picture import Picture, Pixels
from nst_core.stylize.composition import Color
from nst_core.stylize.engine import StyleEngine
from nst_core.stylize.johnson_engine import JohnsonEngine
from nst_core.stylize.renderer import OnNotice
from nst_core.video.config import VideoConfig

#: Interval in frames between two measurements of content statistics; smoothing spans more frames.
MEASURE_EVERY = 4
#: Exponential smoothing factor of the content statistics, for each frame.
SMOOTHING = 0.12


class FramePainter(Protocol):
    """Paints single frames with fixed settings for a whole video.

    `identity` is a key of everything that decides the pixels beside the frame: a resumed run must have
    the same key. `measure` returns None for networks without content statistics.
    """

    identity: str

    @property
    def runtime(self) -> str:
        """Runtime and device of the network, such as "openvino on cpu"."""
        ...

    def measure(self, pixels: Pixels) -> Tensor | None:
        """Content statistics (1, S) of a frame (H, W, 3) uint8."""
        ...

    def paint(self, pixels: Pixels, content: Tensor | None, alpha: float) -> Pixels:
        """Paint a frame at strength `alpha`, normalised by `content`; 0 returns the frame."""
        ...


class EnginePainter:
    """Paints with a `StyleEngine` and fixed style statistics of one style or a mix.

    Of `config` the colours, the texture and the seed are used.
    """

    def __init__(
        self,
        engine: StyleEngine,
        style: Tensor,
        config: VideoConfig,
        on_notice: OnNotice | None = None,
    ) -> None:
        self._engine = engine
        self._style = style
        self._color: Color = config.color
        self._texture, self._seed = config.texture, config.seed
        self._on_notice = on_notice
        digest = hashlib.sha256(style.detach().cpu().contiguous().numpy().tobytes()).hexdigest()
        self.identity = f"{engine.digest} {digest} {config.color} {config.texture:g} {config.seed}"

    @property
    def runtime(self) -> str:
        """Runtime and device of the network, such as "openvino on cpu"."""
        return f"{self._engine.runtime.name} on {self._engine.runtime.device}"

    def measure(self, pixels: Pixels) -> Tensor:
        """See `FramePainter`."""
        return self._engine.content_statistics(pixels, self._texture, self._seed)

    def paint(self, pixels: Pixels, content: Tensor | None, alpha: float) -> Pixels:
        """See `FramePainter`."""
        if content is None:
            content = self.measure(pixels)
        return self._engine.paint_frame(
            pixels,
            content,
            self._style,
            alpha=alpha,
            color=self._color,
            on_notice=self._on_notice,
            texture=self._texture,
            seed=self._seed,
        )


class FeedForwardPainter:
    """Paints with a feed-forward network of one style; it has no content statistics to smooth."""

    def __init__(self, engine: JohnsonEngine, digest: str, color: Color = "style") -> None:
        self._engine = engine
        self._color = color
        self.identity = f"{digest} {color}"

    @classmethod
    def of_file(
        cls, path: Path, color: Color = "style", runtime: str = "auto", device: str = "auto"
    ) -> FeedForwardPainter:
        """Load a network file. Raises `CheckpointError` or `RuntimeChoiceError`."""
        return cls(
            JohnsonEngine(path, runtime, device), hashlib.sha256(path.read_bytes()).hexdigest(), color
        )

    @property
    def runtime(self) -> str:
        """Runtime and device of the network, such as "openvino on cpu"."""
        return f"{self._engine.runtime} on {self._engine.device}"

    def measure(self, pixels: Pixels) -> Tensor | None:
        """See `FramePainter`."""
        return None

    def paint(self, pixels: Pixels, content: Tensor | None, alpha: float) -> Pixels:
        """See `FramePainter`. The strength blends pixels."""
        return self._engine.stylize(Picture(pixels), alpha=alpha, color=self._color).pixels


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

    def next(self, painter: FramePainter, pixels: Pixels) -> ContentState:
        """State after the next frame of the same scene."""
        measured, age = self.measured, self.age + 1
        if age >= MEASURE_EVERY:
            found = painter.measure(pixels)
            measured, age = self.measured if found is None else found, 0
        return ContentState(torch.lerp(self.smoothed, measured, SMOOTHING), measured, age)


def first_state(painter: FramePainter, pixels: Pixels) -> ContentState | None:
    """State after the first frame of a scene; None for a network without content statistics."""
    measured = painter.measure(pixels)
    return None if measured is None else ContentState(measured, measured, 0)
