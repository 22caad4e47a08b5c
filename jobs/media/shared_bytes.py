"""Memory that a process shares with a child, for bytes that are too many for a pipe."""

from __future__ import annotations

import mmap
import os
from collections.abc import Sequence
from multiprocessing import reduction
from typing import Any


class SharedBytes:
    """A buffer of `size` bytes. A child process gets it as an argument, and both see what one writes.

    Pages take memory from their first use on. On systems without `memfd_create` the size is 0.
    """

    def __init__(self, size: int) -> None:
        self._descriptor: int | None = None
        self._memory: mmap.mmap | None = None
        # Linux only. A file would need disk space, and its name a resource tracker.
        if size and hasattr(os, "memfd_create"):
            self._descriptor = os.memfd_create("atelier-decoder")
            os.ftruncate(self._descriptor, size)
            self._memory = mmap.mmap(self._descriptor, size)

    def __reduce__(self) -> Any:
        if self._descriptor is None or self._memory is None:
            return SharedBytes, (0,)
        return _attach, (reduction.DupFd(self._descriptor), len(self._memory))

    def write(self, parts: Sequence[bytes]) -> int:
        """Write parts one behind the other; returns their length in bytes, 0 if they don't fit."""
        size = sum(map(len, parts))
        if self._memory is None or size > len(self._memory):
            return 0
        self._memory.seek(0)
        for part in parts:
            self._memory.write(part)
        return size

    def view(self, size: int) -> memoryview:
        """The first `size` bytes, for reading; empty if there are not that many."""
        if self._memory is None or not 0 <= size <= len(self._memory):
            return memoryview(b"")
        return memoryview(self._memory)[:size].toreadonly()


def _attach(duplicate: Any, size: int) -> SharedBytes:
    shared, descriptor = SharedBytes(0), duplicate.detach()
    shared._memory = mmap.mmap(descriptor, size)
    os.close(descriptor)
    return shared
