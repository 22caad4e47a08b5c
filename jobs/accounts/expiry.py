"""Expiry times of jobs and uploads."""

from __future__ import annotations

from datetime import datetime, timedelta

#: Smallest `expires_in` of a request, in seconds.
MIN_EXPIRY_SECONDS = 60


def expiry(at: datetime, retention: int, requested: int | None) -> datetime | None:
    """The time `requested` seconds after `at`, or `retention` seconds if that is less (0: no limit).

    None: never.
    """
    seconds = [number for number in (retention or None, requested) if number is not None]
    return at + timedelta(seconds=min(seconds)) if seconds else None
