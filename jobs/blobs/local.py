"""Blob storage in a local folder."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from imaging.atomic_write import atomic_write
from jobs.blobs.storage import (
    CHUNK_BYTES,
    sha256_of,
)
from jobs.errors import NotFoundError, StorageError


class LocalStorage:
    """Stores blobs as files of a folder, with one subfolder for each first byte of the SHA-256."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, data: bytes, sha256: str | None = None) -> str:
        """Store bytes atomically; returns their SHA-256."""
        name = sha256 or sha256_of(data)
        self._write(name, lambda file: file.write(data))
        return name

    def put_file(self, path: Path, sha256: str) -> None:
        """Store the bytes of a file atomically."""
        with path.open("rb") as source:
            self._write(sha256, lambda file: shutil.copyfileobj(source, file, CHUNK_BYTES))

    def _write(self, name: str, fill: Callable[[BinaryIO], object]) -> None:
        path = self._path(name)
        if path.exists():
            return
        with _storage_errors(), atomic_write(path, durable=True) as file:
            fill(file)

    def get(self, sha256: str) -> bytes:
        """Read a blob. Raises `NotFoundError`."""
        with self._opened(sha256) as file:
            return file.read()

    def read_range(self, sha256: str, start: int, length: int) -> bytes:
        """Read up to `length` bytes from `start` on. Raises `NotFoundError`."""
        with self._opened(sha256) as file:
            file.seek(start)
            return file.read(length)

    def exists(self, sha256: str) -> bool:
        """Whether the blob exists."""
        with _storage_errors():
            return self._path(sha256).is_file()

    def delete(self, sha256: str) -> None:
        """Delete the blob, if it exists."""
        with _storage_errors():
            self._path(sha256).unlink(missing_ok=True)

    def check(self) -> None:
        """Raise `StorageError` unless the folder can be written."""
        with _storage_errors():
            self.folder.mkdir(parents=True, exist_ok=True)
            probe = self.folder / f".probe.{uuid.uuid4().hex}"
            try:
                # Written with bytes, because a full disk still accepts empty files.
                probe.write_bytes(b"0" * 4096)
            finally:
                probe.unlink(missing_ok=True)

    @contextmanager
    def _opened(self, sha256: str) -> Iterator[BinaryIO]:
        with _storage_errors():
            try:
                with self._path(sha256).open("rb") as file:
                    yield file
            except FileNotFoundError:
                if not self.folder.is_dir():
                    # An unmounted volume is a temporary error; a deleted blob is not.
                    raise StorageError("The folder of the file store is missing.") from OSError(
                        str(self.folder)
                    )
                raise

    def _path(self, sha256: str) -> Path:
        if len(sha256) != 64 or not sha256.isalnum():
            raise NotFoundError("This is not the name of a blob.")
        return self.folder / sha256[:2] / sha256


@contextmanager
def _storage_errors() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise NotFoundError("This file is no longer in storage.") from None
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise StorageError(f"The file store failed: {why}.") from error
