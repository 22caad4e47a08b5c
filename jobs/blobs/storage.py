"""Blobs by SHA-256, in a local folder or an S3-compatible bucket.

A blob is written once, whole, and never changes, so writing the same bytes twice is harmless.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Protocol


def sha256_of(data: bytes) -> str:
    """The name of a blob."""
    return hashlib.sha256(data).hexdigest()


def sha256_of_file(path: Path) -> str:
    """The name of a blob that is a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


#: Bytes that are moved at once where files are large: pictures in one piece, videos in many.
CHUNK_BYTES = 1 << 20


class BlobStorage(Protocol):
    """Seven verbs. All raise `StorageError` when the store can't be reached."""

    def put(self, data: bytes, sha256: str | None = None) -> str:
        """Keep `data`; returns its SHA-256, which may be given by whoever has just computed it."""
        ...

    def put_file(self, path: Path, sha256: str) -> None:
        """Keep the bytes of a file, which have this SHA-256, in bounded memory."""
        ...

    def get(self, sha256: str) -> bytes:
        """The bytes. Raises `NotFoundError`."""
        ...

    def read_range(self, sha256: str, start: int, length: int) -> bytes:
        """Up to `length` bytes from `start` on, of a blob that has more. Raises `NotFoundError`."""
        ...

    def exists(self, sha256: str) -> bool:
        """Whether the bytes are there."""
        ...

    def delete(self, sha256: str) -> None:
        """Forget the bytes; nothing happens if there are none."""
        ...

    def check(self) -> None:
        """Raise `StorageError` unless blobs can be written."""
        ...

    def __hash__(self) -> int:
        """Stores are told apart as objects."""
        ...


# What is told to clients names no folder, bucket or host; the cause, which is logged, does.
