"""Rate limiter: counts calls in Redis, for all web servers together.

While Redis is unreachable no call is limited: answering is worth more than an exact count.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from limits import RateLimitItem, parse_many
from limits.storage import storage_from_string
from limits.strategies import SlidingWindowCounterRateLimiter

log = logging.getLogger(__name__)

#: Seconds without a call to Redis after a failure, so that requests don't wait for its timeouts.
PAUSE_SECONDS = 5.0
_TIMEOUTS = {"socket_connect_timeout": 0.25, "socket_timeout": 0.25}


@dataclass(frozen=True, kw_only=True)
class RateState:
    """The state of a rate limit: `limit` and `remaining` in calls, `reset` in seconds."""

    allowed: bool
    limit: int
    remaining: int
    reset: int


class RateLimiter:
    """A rate limit such as `1200/minute`, or several separated by semicolons.

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

    def hit(self, caller: str) -> RateState | None:
        """Count a call; returns the state of the tightest limit, or None without a limit or Redis."""
        if not self._limits or time.monotonic() < self._retry_at:
            return None
        try:
            return min(
                (self._hit_one(limit, caller) for limit in self._limits),
                key=lambda state: (state.allowed, state.remaining),
            )
        except Exception as error:  # any failure of Redis or of the network
            self._retry_at = time.monotonic() + PAUSE_SECONDS
            log.warning("Redis failed; rates are not limited for %g s: %r", PAUSE_SECONDS, error)
            return None

    def _hit_one(self, limit: RateLimitItem, caller: str) -> RateState:
        allowed = self._strategy.hit(limit, self._name, caller)
        stats = self._strategy.get_window_stats(limit, self._name, caller)
        return RateState(
            allowed=allowed,
            limit=limit.amount,
            remaining=max(0, int(stats.remaining)),
            reset=max(1, round(stats.reset_time - time.time())),
        )
