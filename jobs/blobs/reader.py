"""Seekable file objects over blobs, which fetch only the chunks that are read."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from imaging.atomic_write import atomic_write
from jobs.blobs.storage import CHUNK_BYTES, BlobStorage

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


def open_blob(storage: BlobStorage, sha256: str, size: int) -> BinaryIO:
    """Open a blob of `size` bytes for reading and seeking, in bounded memory.

    The first chunk is fetched at once. Opening and reading raise `NotFoundError` or `StorageError`.
    """
    file = io.BufferedReader(_BlobFile(storage, sha256, size), CHUNK_BYTES)
    file.peek(1)
    return cast("BinaryIO", file)


def fetch_blob(storage: BlobStorage, sha256: str, size: int, path: Path) -> None:
    """Copy a blob of `size` bytes to a file atomically, unless the file exists.

    Raises as `open_blob`.
    """
    if path.exists():
        return
    with open_blob(storage, sha256, size) as blob, atomic_write(path) as file:
        shutil.copyfileobj(blob, file, CHUNK_BYTES)


class _BlobFile(io.RawIOBase):
    def __init__(self, storage: BlobStorage, sha256: str, size: int) -> None:
        super().__init__()
        self._storage = storage
        self._sha256 = sha256
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        wanted = min(len(view), self._size - self._at)
        if wanted <= 0:
            return 0
        data = self._storage.read_range(self._sha256, self._at, wanted)
        view[: len(data)] = data
        self._at += len(data)
        return len(data)
