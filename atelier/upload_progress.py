"""Upload progress: streams that report how many bytes of them were read."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, BinaryIO

#: Called with the number of bytes that were just read from a file.
OnSent = Callable[[int], None]


class ProgressStream(io.BufferedReader):
    """A stream that reports each read, for a progress bar."""

    def __init__(self, raw: Any, on_sent: OnSent) -> None:
        super().__init__(raw)
        self._on_sent = on_sent

    def read(self, size: int | None = -1, /) -> bytes:
        """Read bytes as a file does, and report their number."""
        data = super().read(size)
        self._on_sent(len(data))
        return data


def open_stream(raw: io.FileIO | io.BytesIO, on_sent: OnSent | None) -> BinaryIO:
    """A stream to upload, with progress reports if `on_sent` is given."""
    if on_sent is not None:
        return ProgressStream(raw, on_sent)
    return raw if isinstance(raw, io.BytesIO) else io.BufferedReader(raw)
