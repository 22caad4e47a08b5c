"""What paints the frames of a video, and the statistics of its content over time."""

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

#: Content statistics are measured once in so many frames: they are smoothed over more than that.
MEASURE_EVERY = 4
#: The share of the way to the latest measurement that the statistics go with each frame.
SMOOTHING = 0.12


class FramePainter(Protocol):
    """Paints frames one by one; it is the same from the first to the last of a video.

    `identity` names all that the pixels depend on beside the frame: a run that goes on must have the
    same. A network without content statistics of its own gives None for them.
    """

    identity: str

    @property
    def runtime(self) -> str:
        """What runs the network, and where."""
        ...

    def measure(self, pixels: Pixels) -> Tensor | None:
        """The content statistics (1, S) of a frame (H, W, 3) uint8."""
        ...

    def paint(self, pixels: Pixels, content: Tensor | None, alpha: float) -> Pixels:
        """The frame at strength `alpha` (0: itself), its statistics taken to be `content`."""
        ...


class EnginePainter:
    """A `StyleEngine` with one style (or mix) of fixed statistics."""

    def __init__(
        self,
        engine: StyleEngine,
        style: Tensor,
        color: Color = "style",
        on_notice: OnNotice | None = None,
    ) -> None:
        self._engine = engine
        self._style = style
        self._color = color
        self._on_notice = on_notice
        digest = hashlib.sha256(style.detach().cpu().contiguous().numpy().tobytes()).hexdigest()
        self.identity = f"{engine.digest} {digest} {color}"

    @property
    def runtime(self) -> str:
        """What runs the network, and where."""
        return f"{self._engine.runtime.name} on {self._engine.runtime.device}"

    def measure(self, pixels: Pixels) -> Tensor:
        """See `FramePainter`."""
        return self._engine.content_statistics(pixels)

    def paint(self, pixels: Pixels, content: Tensor | None, alpha: float) -> Pixels:
        """See `FramePainter`."""
        if content is None:
            content = self.measure(pixels)
        return self._engine.paint_frame(
            pixels, content, self._style, alpha=alpha, color=self._color, on_notice=self._on_notice
        )


class FeedForwardPainter:
    """A network for one style. Its normalisations are its own, so there are no statistics to smooth."""

    def __init__(self, engine: JohnsonEngine, digest: str, color: Color = "style") -> None:
        self._engine = engine
        self._color = color
        self.identity = f"{digest} {color}"

    @classmethod
    def of_file(
        cls, path: Path, color: Color = "style", runtime: str = "auto", device: str = "auto"
    ) -> FeedForwardPainter:
        """The painter of a network's file. Raises `CheckpointError` or `RuntimeChoiceError`."""
        return cls(
            JohnsonEngine(path, runtime, device), hashlib.sha256(path.read_bytes()).hexdigest(), color
        )

    @property
    def runtime(self) -> str:
        """What runs the network, and where."""
        return f"{self._engine.runtime} on {self._engine.device}"

    def measure(self, pixels: Pixels) -> Tensor | None:
        """See `FramePainter`."""
        return None

    def paint(self, pixels: Pixels, content: Tensor | None, alpha: float) -> Pixels:
        """See `FramePainter`. The strength is a blend of pixels."""
        return self._engine.stylize(Picture(pixels), alpha=alpha, color=self._color).pixels


@contextmanager
def one_thread() -> Iterator[None]:
    """PyTorch's own work on one thread, for as long as another library computes the network.

    Its threads wait for each other at every small step, which on a busy machine takes longer than the
    step: 127 ms instead of 3 ms to compose a frame of 640×360.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True, eq=False)
class ContentState:
    """Statistics (1, S) after a frame: smoothed, as last measured, and frames since that."""

    smoothed: Tensor
    measured: Tensor
    age: int

    def next(self, painter: FramePainter, pixels: Pixels) -> ContentState:
        """The state after one frame more of the same scene."""
        measured, age = self.measured, self.age + 1
        if age >= MEASURE_EVERY:
            found = painter.measure(pixels)
            measured, age = self.measured if found is None else found, 0
        return ContentState(torch.lerp(self.smoothed, measured, SMOOTHING), measured, age)


def first_state(painter: FramePainter, pixels: Pixels) -> ContentState | None:
    """The state after the first frame of a scene; None for a network that has no such statistics."""
    measured = painter.measure(pixels)
    return None if measured is None else ContentState(measured, measured, 0)
