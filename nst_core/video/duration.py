"""How long a file is: by its header, or by its packets, and whether all of it is there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from nst_core.video.container import Media, video_library

if TYPE_CHECKING:
    from av.index import IndexEntries


def header_s(media: Media) -> float:
    """Seconds by the header; 0 where it does not say, as in what a browser records or a pipe wrote."""
    whole = (media.container.duration or 0) / 1_000_000
    if not whole and media.stream.duration and media.stream.time_base:
        whole = float(media.stream.duration * media.stream.time_base)
    return whole


def counted_s(media: Media) -> float:
    """Seconds up to the end of the last packet. Reads the whole file and decodes nothing."""
    last = 0.0
    try:
        for packet in media.container.demux(media.stream):
            if packet.pts is not None and packet.time_base is not None:
                last = max(last, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    except video_library().FFmpegError:
        pass  # whoever decodes it says where it is damaged
    return max(0.0, last - (media.container.start_time or 0) / 1_000_000)


def missing_from_s(media: Media) -> float | None:
    """The time of the first frame that the file's index names and that lies behind its end, if any.

    None for containers without an index at their beginning, as well.
    """
    entries: IndexEntries = media.stream.index_entries
    size = os.fstat(media.file.fileno()).st_size
    base = media.stream.time_base
    if base is None or not len(entries) or _inside(entries, len(entries) - 1, size):
        return None
    low, high = 0, len(entries) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if _inside(entries, middle, size) else (low, middle)
    start = (media.container.start_time or 0) / 1_000_000
    return max(0.0, float(entries[low].timestamp * base) - start)


def _inside(entries: IndexEntries, number: int, size: int) -> bool:
    return entries[number].pos + entries[number].size <= size
