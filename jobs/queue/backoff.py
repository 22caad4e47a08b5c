"""Exponential backoff with jitter between a job's attempts."""

from __future__ import annotations

import random

#: Upper bound of the delay, in seconds.
MAX_DELAY_SECONDS = 600.0


def retry_delay(attempt: int, base: float) -> float:
    """The delay in seconds after attempt number `attempt` (1, 2, …) failed.

    Doubles with each attempt from `base` seconds, up to `MAX_DELAY_SECONDS`. Half of it is random
    (jitter), so that jobs that failed together are not retried together.
    """
    longest: float = min(MAX_DELAY_SECONDS, base * 2 ** min(attempt - 1, 32))
    return longest * (0.5 + random.random() / 2)
