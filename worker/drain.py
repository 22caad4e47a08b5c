"""The drain flag: tells the pool child processes that their worker is about to stop.

The signal reaches the parent process, the job runs in a child. Both share one page of memory, mapped
before the fork.
"""

from __future__ import annotations

import mmap
import signal
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Drain:
    """The time at which the worker was told to stop, shared between processes."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, struct.calcsize("d"))

    def begin(self) -> None:
        """Start to drain: the worker claims no more jobs. Only the first call has an effect."""
        if not self._start():
            self._shared[:] = struct.pack("d", time.monotonic())

    def seconds(self) -> float | None:
        """Seconds since the drain began; None if the worker is not draining."""
        start = self._start()
        return time.monotonic() - start if start else None

    @contextmanager
    def at_sigterm(self) -> Iterator[None]:
        """While a job runs, let SIGTERM begin to drain; a second SIGTERM does what it did before.

        Most platforms signal the parent alone; systemd and some shells signal the whole process group.
        """
        before = signal.getsignal(signal.SIGTERM)

        def drain(*_: object) -> None:
            signal.signal(signal.SIGTERM, before)
            self.begin()

        signal.signal(signal.SIGTERM, drain)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)

    def _start(self) -> float:
        value: float = struct.unpack("d", self._shared[:])[0]
        return value
