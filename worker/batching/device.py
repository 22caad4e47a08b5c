"""The device that renders the jobs of a worker: one pass at a time, and how long it waited for one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Time in seconds between two checks for cancellation of a job that waits for the device.
_POLL_SECONDS = 0.05


class Device:
    """Thread-safe. One pass at a time, because two at once could run out of memory."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.now = clock
        self._pass = threading.Lock()
        self._free_since = clock()

    @contextmanager
    def taken(self, since: float, check: Callable[[], None] = lambda: None) -> Iterator[float]:
        """Hold the device for a pass whose jobs are here since the time `since` of the clock.

        Yields how long the device waited for the pass, in seconds: it was free, and the jobs were being
        read and resized. `check` is called while the pass waits for the device, and may raise to stop.
        """
        while not self._pass.acquire(timeout=_POLL_SECONDS):
            check()
        try:
            yield max(0.0, self.now() - max(self._free_since, since))
        finally:
            self._free_since = self.now()
            self._pass.release()
