"""How long a job waits before its next attempt."""

from __future__ import annotations

import random

#: No wait is longer, in seconds.
LONGEST = 600.0


def retry_delay(attempt: int, base: float) -> float:
    """Seconds to wait after attempt number `attempt` (1, 2, …) failed.

    Doubles with each attempt from `base` seconds, up to `LONGEST`. Half of it is drawn by lot, so that
    jobs that failed together don't come back together.
    """
    longest: float = min(LONGEST, base * 2 ** min(attempt - 1, 32))
    return longest * (0.5 + random.random() / 2)
