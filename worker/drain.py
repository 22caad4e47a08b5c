"""Tells a pool child that its worker is about to stop.

The signal reaches the parent, the job runs in the child: they share one page of memory, made before
the fork.
"""

from __future__ import annotations

import mmap
import signal
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Drain:
    """When the worker was told to stop, if it was."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, struct.calcsize("d"))

    def begin(self) -> None:
        """The worker takes no more jobs from now on; the first call counts."""
        if not self._at():
            self._shared[:] = struct.pack("d", time.monotonic())

    def seconds(self) -> float | None:
        """For how long the worker has been stopping; None if it is not."""
        at = self._at()
        return time.monotonic() - at if at else None

    @contextmanager
    def at_sigterm(self) -> Iterator[None]:
        """While a job runs, let SIGTERM begin to drain; a second one does what it did before.

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

    def _at(self) -> float:
        value: float = struct.unpack("d", self._shared[:])[0]
        return value
