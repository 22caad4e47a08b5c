"""Resource limits for decoding untrusted uploads."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class DecodeLimits:
    """Limits for one upload: `pixels`, `megabytes` of memory, `seconds`.

    And the number of decoder `processes`.
    """

    pixels: int
    megabytes: int
    seconds: float
    processes: int
    #: Longest video in seconds, and largest frame in pixels.
    video_seconds: float = 600.0
    video_pixels: int = 3_840 * 2_160
