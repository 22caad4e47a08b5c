"""The protocol of blob storage: files by SHA-256, in a local folder or an S3-compatible bucket.

A blob is written atomically and never changes, so that writing the same bytes twice is harmless.
Errors shown to clients name no folder, bucket or host; their causes, which are logged, do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import Protocol


def sha256_of(data: bytes) -> str:
    """The SHA-256 of bytes in hexadecimal: the name of their blob."""
    return hashlib.sha256(data).hexdigest()


def sha256_of_file(path: Path) -> str:
    """The SHA-256 of a file of any size, read in chunks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


#: Bytes that are read or written at once: a picture is about one chunk, a video many.
CHUNK_BYTES = 1 << 20


class StagedBlob(Protocol):
    """Bytes in the store that have no name yet, so that nobody can read them."""

    def publish(self) -> bool:
        """Give the bytes their name, so that they survive a power failure. Raises `StorageError`.

        Returns whether the store did not have them.
        """
        ...

    def close(self) -> None:
        """Discard the bytes if they have no name."""
        ...


class BlobStorage(Protocol):
    """Stores blobs. Every method raises `StorageError` if the store can't be reached."""

    def put(self, data: bytes, sha256: str | None = None) -> str:
        """Store bytes; returns their SHA-256, which a caller that knows it passes in."""
        ...

    def stage(self, data: bytes, sha256: str) -> StagedBlob | None:
        """Write bytes without a name; None if this store can't."""
        ...

    def put_file(self, path: Path, sha256: str) -> None:
        """Store the bytes of a file with this SHA-256, in bounded memory."""
        ...

    def get(self, sha256: str) -> bytes:
        """Read a blob. Raises `NotFoundError`."""
        ...

    def read_range(self, sha256: str, start: int, length: int) -> bytes:
        """Read up to `length` bytes from `start` on (less than the size). Raises `NotFoundError`."""
        ...

    def exists(self, sha256: str) -> bool:
        """Whether the blob exists."""
        ...

    def delete(self, sha256: str) -> None:
        """Delete the blob, if it exists. Returns only if nothing can delete a later copy any more."""
        ...

    def names(self, part: int, *, age_seconds: float) -> Collection[str]:
        """The blobs in one of 256 parts (0 to 255) of the store that are older than `age_seconds`.

        Unfinished files of that age are deleted. Empty for a store in which every blob has a row.
        """
        ...

    def check(self) -> None:
        """Raise `StorageError` unless blobs can be written."""
        ...

    def __hash__(self) -> int:
        """By identity: two stores are equal only if they are the same object."""
        ...
