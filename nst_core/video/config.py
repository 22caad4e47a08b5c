"""Settings, limits, report and errors of a video render. Imports neither PyTorch nor PyAV."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from nst_core.errors import NstError
from params.video import VideoFormat, VideoSettings

#: Output format by file suffix. PNG frames go into a zip, or a folder if the name has no suffix.
SUFFIXES: dict[str, VideoFormat] = {
    ".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "mkv", ".webm": "webm", ".gif": "gif",
    ".zip": "png", "": "png",
}  # fmt: skip


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


class VideoConfig(VideoSettings):
    """Complete configuration of a video render: the settings, and what belongs to the machine.

    A stopped run resumes at a multiple of `segment_frames` frames. `parallel` frames are painted at a
    time, None: as many as suit the device; the result does not depend on it.
    """

    segment_frames: int = Field(120, ge=2, le=10_000, description="Frames of a segment.")
    parallel: int | None = Field(
        None,
        ge=1,
        le=32,
        description="Frames to paint at a time: 3 on CUDA, 1 on a CPU when left out.",
    )
    limits: VideoLimits = VideoLimits()

    def alpha_at(self, seconds: float) -> float:
        """Strength at a time of the result, in seconds."""
        points = self.alpha_points or [(0.0, self.alpha)]
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
