"""Freed memory that a process keeps for its next large blocks, instead of mapping each one anew."""

from __future__ import annotations

import ctypes
from contextlib import suppress

#: Bytes that a process keeps; glibc takes no more for the threshold of mappings.
KEPT_BYTES = 32 << 20
#: Names of options of glibc's `mallopt` (malloc.h).
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8


def keep_freed_memory(*, arenas: int) -> None:
    """Let glibc keep up to `KEPT_BYTES` of freed memory in each arena, and take it for large blocks.

    By default glibc maps each block above 128 kB anew. The kernel then fills its pages with zeros one
    by one, which takes longer than to write a photo into them. Threads share `arenas` arenas, so that
    not each of them keeps memory. Other C libraries are left as they are.
    """
    with suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_ARENA_MAX, arenas)
        mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(_M_MMAP_THRESHOLD, KEPT_BYTES)
