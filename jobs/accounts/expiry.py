"""Until when something is kept."""

from __future__ import annotations

from datetime import datetime, timedelta

#: The least that a request may ask for, in seconds.
MIN_EXPIRY_SECONDS = 60


def expiry(at: datetime, setting: int, asked: int | None) -> datetime | None:
    """`asked` seconds after `at`, but not later than the setting says (0: for ever); None is never."""
    seconds = [number for number in (setting or None, asked) if number is not None]
    return at + timedelta(seconds=min(seconds)) if seconds else None
