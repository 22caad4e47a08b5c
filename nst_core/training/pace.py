"""Throughput of a training and the throttle of its progress events."""

from __future__ import annotations

import time

#: Seconds between progress events when no log step comes sooner.
_PROGRESS_SECONDS = 3.0


class ProgressTimer:
    """Measures steps per second and decides at which steps a progress event is due.

    `seconds` is the time trained so far, runs before a resumption included.
    """

    def __init__(self, *, log_interval: int, total: int) -> None:
        self._log_interval = log_interval
        self._total = total
        self.seconds = 0.0
        self.start()

    def start(self) -> None:
        """Start the clock at the beginning of the loop; set-up time is not counted."""
        self._since = time.perf_counter()
        self._steps = 0

    def is_log_step(self, step: int) -> bool:
        """Whether the losses of `step` go into the loss log."""
        return step % self._log_interval == 0

    def count_step(self, step: int) -> bool:
        """Count a finished step; returns whether a progress event is due."""
        self._steps += 1
        late = time.perf_counter() - self._since >= _PROGRESS_SECONDS
        return late or self.is_log_step(step) or step == self._total

    def take(self, step: int) -> tuple[float, float]:
        """Steps per second since the last call, and the seconds left at that rate."""
        now = time.perf_counter()
        rate = self._steps / max(now - self._since, 1e-9)
        self.seconds += now - self._since
        self._since, self._steps = now, 0
        return rate, (self._total - step) / max(rate, 1e-9)

    def stop(self) -> None:
        """Add the time since the last call of `take` to `seconds`."""
        self.take(self._total)
