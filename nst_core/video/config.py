"""Settings, limits, report and errors of a video render. Imports neither PyTorch nor PyAV."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from nst_core.errors import NstError

VideoFormat = Literal["mp4", "mov", "mkv", "webm", "gif", "png"]
VideoColor = Literal["style", "luminance", "match"]
FORMATS: tuple[VideoFormat, ...] = get_args(VideoFormat)
COLORS: tuple[VideoColor, ...] = get_args(VideoColor)
#: Output format by file suffix. PNG frames go into a zip, or a folder if the name has no suffix.
SUFFIXES: dict[str, VideoFormat] = {
    ".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "mkv", ".webm": "webm", ".gif": "gif",
    ".zip": "png", "": "png",
}  # fmt: skip

#: Strength over time: pairs (seconds, alpha) with rising seconds.
Alphas = tuple[tuple[float, float], ...]


class VideoError(NstError):
    """A video can't be read, rendered or written as requested. The message is one line for users."""


class VideoStopped(Exception):  # noqa: N818 - a requested stop, not an error
    """The render was stopped on request. Finished segments stay in the work folder for resuming."""


@dataclass(frozen=True, kw_only=True)
class VideoLimits:
    """Limits: length and frame count of the rendered part, pixels of a frame, size of the output."""

    seconds: float = 600.0
    pixels: int = 3840 * 2160
    frames: int = 36_000
    megabytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class VideoConfig:
    """Settings of a video render. Raises `VideoError` for values out of range.

    `temporal` is the temporal consistency weight, from 0 (independent frames) to 1. `start_s` and
    `end_s` trim the source, in seconds; None is the end of the source. `size` is the longer side in
    pixels; None keeps the source's size. `alpha` is the strength, or points (seconds in the result,
    strength) with linear interpolation. `texture` (0 smooth to 1 textured) and `seed` are those of
    `StyleEngine.stylize`; the noise holds still from frame to frame. `format` None means the format of
    the target's suffix.
    `quality` goes from 1 to 100; PNG frames are lossless at any quality. A stopped run resumes at a
    multiple of `segment_frames` frames. `parallel` frames are painted at a time; the result does not
    depend on it.
    """

    temporal: float = 0.8
    start_s: float = 0.0
    end_s: float | None = None
    size: int | None = None
    alpha: float | Alphas = 0.8
    color: VideoColor = "style"
    texture: float = 0.5
    seed: int = 0
    quality: int = 80
    format: VideoFormat | None = None
    segment_frames: int = 120
    parallel: int = 1
    limits: VideoLimits = field(default_factory=VideoLimits)

    def __post_init__(self) -> None:
        _check_range("temporal weight", self.temporal, 0, 1)
        _check_range("quality", self.quality, 1, 100)
        _check_range("texture", self.texture, 0, 1)
        _check_range("seed", self.seed, 0, 2**32 - 1)
        _check_range("segment length", self.segment_frames, 2, 10_000)
        _check_range("number of frames at a time", self.parallel, 1, 32)
        _check_range("start", self.start_s, 0, 1e6)
        if self.end_s is not None and not self.end_s > self.start_s:
            raise VideoError(f"The end ({self.end_s:g} s) is not after the start ({self.start_s:g} s).")
        if self.size is not None:
            _check_range("size", self.size, 32, 8192)
        if self.color not in COLORS:
            raise VideoError(f"There is no color {self.color!r}; there are {', '.join(COLORS)}.")
        if self.format is not None and self.format not in FORMATS:
            raise VideoError(
                f"There is no video format {self.format!r}; there are {', '.join(FORMATS)}."
            )
        for _, alpha in self._points:
            _check_range("strength alpha", alpha, 0, 1)
        times = [time for time, _ in self._points]
        if not times or times != sorted(set(times)) or times[0] < 0:
            raise VideoError("The times of the strengths must rise and not be negative.")

    @property
    def _points(self) -> Alphas:
        return ((0.0, self.alpha),) if isinstance(self.alpha, int | float) else self.alpha

    def alpha_at(self, seconds: float) -> float:
        """Strength at a time of the result, in seconds."""
        points = self._points
        after = bisect_right(points, (seconds, 2.0))
        if after in (0, len(points)):
            return float(points[min(after, len(points) - 1)][1])
        (begin, low), (end, high) = points[after - 1], points[after]
        return float(low + (high - low) * (seconds - begin) / (end - begin))

    def format_for(self, target: Path) -> VideoFormat:
        """Output format of `target`.

        Raises `VideoError` if neither `format` nor the suffix names one.
        """
        named = self.format or SUFFIXES.get(target.suffix.lower())
        if named is None:
            known = ", ".join(suffix for suffix in SUFFIXES if suffix)
            raise VideoError(f"{target.name} ends in none of {known}; name one, or a format.")
        return named

    def as_dict(self) -> dict[str, Any]:
        """As a JSON-serialisable dict."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class VideoReport:
    """Report of a finished render.

    `seconds_by_stage` is the busy time of each stage; stages overlap, so that the sum exceeds
    `elapsed_s`. After a resumption, all values but `frames` are those of the last call alone. `trusted`
    is the mean flow trust, 0 to 1.
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
        """As a JSON-serialisable dict, with the share of each stage."""
        total = sum(self.seconds_by_stage.values()) or 1.0
        shares = {name: round(value / total, 4) for name, value in self.seconds_by_stage.items()}
        return {**asdict(self), "share_by_stage": shares}


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise VideoError(f"The {name} goes from {low:g} to {high:g}; got {value:g}.")
