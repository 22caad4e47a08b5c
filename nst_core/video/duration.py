"""Check of a file's index against its size: whether the end of the file is missing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from nst_core.video.container import Media

if TYPE_CHECKING:
    from av.index import IndexEntries


def header_s(media: Media) -> float:
    """Duration in seconds by the header.

    0 if it states none, as in recordings of browsers and pipes.
    """
    return (media.container.duration or 0) / 1_000_000


def missing_from_s(media: Media) -> float | None:
    """Time in seconds of the first frame in the index that lies behind the end of the file.

    None if all frames are there, and for containers without an index at their beginning.
    """
    entries: IndexEntries = media.stream.index_entries
    size = os.fstat(media.file.fileno()).st_size if hasattr(media.file, "name") else 0
    base = media.stream.time_base
    if not size or base is None or not len(entries) or _inside(entries, len(entries) - 1, size):
        return None
    low, high = 0, len(entries) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if _inside(entries, middle, size) else (low, middle)
    start = (media.container.start_time or 0) / 1_000_000
    return max(0.0, float(entries[low].timestamp * base) - start)


def _inside(entries: IndexEntries, number: int, size: int) -> bool:
    return entries[number].pos + entries[number].size <= size
