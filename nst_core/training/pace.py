"""How quick a training is, and when to say so."""

from __future__ import annotations

import time

#: Seconds between progress events where the log is not due sooner.
_TELL = 3.0


class Pace:
    """Counts steps and seconds. `seconds` is all that was trained, before a resumption too."""

    def __init__(self, *, log_interval: int, total: int) -> None:
        self._log_interval = log_interval
        self._total = total
        self.seconds = 0.0
        self.start()

    def start(self) -> None:
        """The loop begins now; what went before is not counted."""
        self._since = time.perf_counter()
        self._steps = 0

    def logged(self, step: int) -> bool:
        """Whether the losses of `step` belong in the log."""
        return step % self._log_interval == 0

    def due(self, step: int) -> bool:
        """Count a step; whether it is time to tell."""
        self._steps += 1
        late = time.perf_counter() - self._since >= _TELL
        return late or self.logged(step) or step == self._total

    def take(self, step: int) -> tuple[float, float]:
        """Steps a second since the last time, and the seconds left at that."""
        now = time.perf_counter()
        rate = self._steps / max(now - self._since, 1e-9)
        self.seconds += now - self._since
        self._since, self._steps = now, 0
        return rate, (self._total - step) / max(rate, 1e-9)

    def stop(self) -> None:
        """Count the seconds since the last time."""
        self.take(self._total)
