"""Tells a pool child that its worker is about to stop.

The signal reaches the parent, the job runs in the child: they share one page of memory, made before
the fork.
"""

from __future__ import annotations

import mmap
import struct
import time


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

    def _at(self) -> float:
        value: float = struct.unpack("d", self._shared[:])[0]
        return value
