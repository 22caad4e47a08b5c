"""What is asked of a video, and what came of it. Loads neither PyTorch nor PyAV."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

VideoFormat = Literal["mp4", "mov", "mkv", "webm", "gif", "png"]
VideoColor = Literal["style", "luminance", "match"]
FORMATS: tuple[VideoFormat, ...] = get_args(VideoFormat)
COLORS: tuple[VideoColor, ...] = get_args(VideoColor)
#: The format that a file's suffix asks for; frames go into a zip, or a folder where there is no suffix.
SUFFIXES: dict[str, VideoFormat] = {
    ".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "mkv", ".webm": "webm", ".gif": "gif",
    ".zip": "png", "": "png",
}  # fmt: skip

#: Strength over time: (seconds, alpha), seconds rising.
Alphas = tuple[tuple[float, float], ...]


class VideoError(ValueError):
    """A video can't be read, rendered or written as asked. One line for people."""


class VideoStopped(Exception):  # noqa: N818 - not an error: somebody asked for it
    """The run was told to stop. What is finished stays in the work folder, to go on from."""


@dataclass(frozen=True, kw_only=True)
class VideoLimits:
    """The most that is accepted: of the part to be rendered, of a frame, and of what is written."""

    seconds: float = 600.0
    pixels: int = 3840 * 2160
    frames: int = 36_000
    megabytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class VideoConfig:
    """How a video is rendered. Raises `VideoError` for values out of range.

    `temporal` goes from 0, every frame for itself, to 1, as calm as it gets. `start_s` and `end_s` trim
    the source (seconds; None is its end). `size` is the longer side in pixels, the source's own if
    None. `alpha` is the strength, or points (seconds in the result, strength) between which it is a
    straight line. `format` None means the one that the target's suffix names. `quality` goes from 1
    to 100; frames in PNG lose nothing at any. A run can go on after every `segment_frames` frames.
    `parallel` frames are painted at a time, which changes nothing in the result.
    """

    temporal: float = 0.8
    start_s: float = 0.0
    end_s: float | None = None
    size: int | None = None
    alpha: float | Alphas = 0.8
    color: VideoColor = "style"
    quality: int = 80
    format: VideoFormat | None = None
    segment_frames: int = 120
    parallel: int = 1
    limits: VideoLimits = field(default_factory=VideoLimits)

    def __post_init__(self) -> None:
        _between("temporal weight", self.temporal, 0, 1)
        _between("quality", self.quality, 1, 100)
        _between("segment length", self.segment_frames, 2, 10_000)
        _between("number of frames at a time", self.parallel, 1, 32)
        _between("start", self.start_s, 0, 1e6)
        if self.end_s is not None and not self.end_s > self.start_s:
            raise VideoError(f"The end ({self.end_s:g} s) is not after the start ({self.start_s:g} s).")
        if self.size is not None:
            _between("size", self.size, 32, 8192)
        if self.color not in COLORS:
            raise VideoError(f"There is no color {self.color!r}; there are {', '.join(COLORS)}.")
        if self.format is not None and self.format not in FORMATS:
            raise VideoError(
                f"There is no video format {self.format!r}; there are {', '.join(FORMATS)}."
            )
        for _, alpha in self._points:
            _between("strength alpha", alpha, 0, 1)
        times = [time for time, _ in self._points]
        if not times or times != sorted(set(times)) or times[0] < 0:
            raise VideoError("The times of the strengths must rise and not be negative.")

    @property
    def _points(self) -> Alphas:
        return ((0.0, self.alpha),) if isinstance(self.alpha, int | float) else self.alpha

    def alpha_at(self, seconds: float) -> float:
        """The strength at a time of the result."""
        points = self._points
        after = bisect_right(points, (seconds, 2.0))
        if after in (0, len(points)):
            return float(points[min(after, len(points) - 1)][1])
        (begin, low), (end, high) = points[after - 1], points[after]
        return float(low + (high - low) * (seconds - begin) / (end - begin))

    def format_for(self, target: Path) -> VideoFormat:
        """The format of `target`. Raises `VideoError` if neither it nor its suffix names one."""
        named = self.format or SUFFIXES.get(target.suffix.lower())
        if named is None:
            known = ", ".join(suffix for suffix in SUFFIXES if suffix)
            raise VideoError(f"{target.name} ends in none of {known}; name one, or a format.")
        return named

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class VideoReport:
    """What a finished run did.

    `seconds_by_stage` is the time each stage was busy; stages overlap, so their sum is more than
    `elapsed_s`. Of a run that went on from a segment, frames and times are those of this call alone but
    for `frames`. `trusted` is the mean share of a frame that followed the frame before it.
    """

    frames: int
    rendered: int
    resumed_from: int
    width: int
    height: int
    rate: str
    seconds: float
    cuts: int
    trusted: float
    elapsed_s: float
    fps: float
    seconds_by_stage: Mapping[str, float]
    audio: str
    bytes: int
    runtime: str

    def as_dict(self) -> dict[str, Any]:
        """For JSON, with the share of each stage."""
        total = sum(self.seconds_by_stage.values()) or 1.0
        shares = {name: round(value / total, 4) for name, value in self.seconds_by_stage.items()}
        return {**asdict(self), "share_by_stage": shares}


def _between(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise VideoError(f"The {name} goes from {low:g} to {high:g}; got {value:g}.")
