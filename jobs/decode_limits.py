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
