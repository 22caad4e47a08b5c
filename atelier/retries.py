"""When a call may be made again, and after how long."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

#: Answers that say: not now.
BUSY = frozenset({429, 502, 503, 504})
#: Those by which the service says itself that it has done nothing.
UNTOUCHED = frozenset({429, 503})
FIRST_PAUSE = 0.25
#: The longest that a call waits of its own accord, and the longest that it does what it was told.
LONGEST_PAUSE = 8.0
LONGEST_ASKED = 60.0


def after_failure(error: httpx.TransportError, *, repeatable: bool) -> bool:
    """Whether a call that got no answer may be made again.

    One that is not repeatable only if it can't have arrived.
    """
    return repeatable or isinstance(
        error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout
    )


def after_answer(response: httpx.Response, *, repeatable: bool) -> bool:
    """Whether a call with this answer may be made again."""
    if response.status_code not in (BUSY if repeatable else UNTOUCHED):
        return False
    return told_seconds(response) <= LONGEST_ASKED


def told_seconds(response: httpx.Response) -> float:
    """What `Retry-After` asks for in seconds, as a number or a date; 0 where it does not."""
    said = response.headers.get("Retry-After", "").strip()
    if said.isdecimal():
        return float(said)
    try:
        at = parsedate_to_datetime(said)
    except ValueError:
        return 0.0
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def pause(attempt: int, told: float = 0.0) -> float:
    """Seconds before the next attempt: what was asked for, else longer each time, never alike."""
    grown = min(FIRST_PAUSE * 2.0**attempt, LONGEST_PAUSE)
    return max(told, grown * random.uniform(0.5, 1.0))
