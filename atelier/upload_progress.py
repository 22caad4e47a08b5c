"""Files that tell how much of them was sent."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

#: Told the bytes of a file that were just read.
Sent = Callable[[int], None]


class ToldFile(io.BufferedReader):
    """A file that reports each read, for a progress bar."""

    def __init__(self, path: Path, sent: Sent) -> None:
        super().__init__(io.FileIO(path))
        self._sent = sent

    def read(self, size: int | None = -1, /) -> bytes:
        """As a file's, and reported."""
        data = super().read(size)
        self._sent(len(data))
        return data


def open_file(path: Path, sent: Sent | None) -> BinaryIO:
    """The file to be sent. Raises `OSError`."""
    return path.open("rb") if sent is None else ToldFile(path, sent)
