"""Upload progress: files that report how many bytes of them were read."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

#: Called with the number of bytes that were just read from a file.
OnSent = Callable[[int], None]


class ProgressFile(io.BufferedReader):
    """A file that reports each read, for a progress bar."""

    def __init__(self, path: Path, on_sent: OnSent) -> None:
        super().__init__(io.FileIO(path))
        self._on_sent = on_sent

    def read(self, size: int | None = -1, /) -> bytes:
        """Read bytes as a file does, and report their number."""
        data = super().read(size)
        self._on_sent(len(data))
        return data


def open_file(path: Path, on_sent: OnSent | None) -> BinaryIO:
    """A file opened for an upload, with progress reports if `on_sent` is given. Raises `OSError`."""
    return path.open("rb") if on_sent is None else ProgressFile(path, on_sent)
