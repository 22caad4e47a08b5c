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
    #: Seconds for all files of one request, from the first one on, waits for a process included.
    request_seconds: float = 300.0
    #: Longest video in seconds, and largest frame in pixels.
    video_seconds: float = 600.0
    video_pixels: int = 3_840 * 2_160
