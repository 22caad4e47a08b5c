"""What decoding a stranger's picture may take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class DecodeLimits:
    """For one picture: `pixels`, `megabytes` of memory, `seconds`; and how many `processes` decode."""

    pixels: int
    megabytes: int
    seconds: float
    processes: int
    #: The longest video, and its largest frame.
    video_seconds: float = 600.0
    video_pixels: int = 3_840 * 2_160
