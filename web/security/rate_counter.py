"""How often somebody may call, counted in Redis for all web servers together.

While Redis is away nobody is limited: a service that answers is worth more than an exact count.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from limits import RateLimitItem, parse_many
from limits.storage import storage_from_string
from limits.strategies import SlidingWindowCounterRateLimiter

log = logging.getLogger(__name__)

#: After a failure, how long to leave Redis alone, so that requests don't wait for its timeouts.
PAUSE_SECONDS = 5.0
_TIMEOUTS = {"socket_connect_timeout": 0.25, "socket_timeout": 0.25}


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What is left of a limit: `limit` and `remaining` in calls, `reset` in seconds."""

    allowed: bool
    limit: int
    remaining: int
    reset: int


class RateLimiter:
    """One rate, such as `1200/minute`, or several with semicolons between them.

    Raises `ValueError` for a rate that can't be read.
    """

    def __init__(self, name: str, rate: str, storage_url: str) -> None:
        self._name = name
        self._limits: list[RateLimitItem] = parse_many(rate) if rate.strip() else []
        shared = storage_url.startswith(("redis://", "rediss://", "unix://"))
        options = _TIMEOUTS if shared else {}
        storage = storage_from_string(storage_url if shared else "memory://", **options)
        self._strategy = SlidingWindowCounterRateLimiter(storage)
        self._retry_at = 0.0

    def hit(self, caller: str) -> Verdict | None:
        """Count a call; returns what is left of the tightest limit, or None where none is counted."""
        if not self._limits or time.monotonic() < self._retry_at:
            return None
        try:
            return min(
                (self._hit_one(limit, caller) for limit in self._limits),
                key=lambda verdict: (verdict.allowed, verdict.remaining),
            )
        except Exception as error:  # whatever Redis, or the way to it, is in trouble with
            self._retry_at = time.monotonic() + PAUSE_SECONDS
            log.warning("rates are not limited for %g s: %r", PAUSE_SECONDS, error)
            return None

    def _hit_one(self, limit: RateLimitItem, caller: str) -> Verdict:
        allowed = self._strategy.hit(limit, self._name, caller)
        stats = self._strategy.get_window_stats(limit, self._name, caller)
        return Verdict(
            allowed=allowed,
            limit=limit.amount,
            remaining=max(0, int(stats.remaining)),
            reset=max(1, round(stats.reset_time - time.time())),
        )
