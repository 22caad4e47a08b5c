"""Blobs as files in a local folder."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from jobs.blobs.storage import (
    CHUNK_BYTES,
    sha256_of,
)
from jobs.errors import NotFoundError, StorageError


class LocalStorage:
    """Blobs as files in a folder, two levels deep."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, data: bytes, sha256: str | None = None) -> str:
        """Keep `data`; returns its SHA-256. The file appears whole or not at all."""
        name = sha256 or sha256_of(data)
        self._write(name, lambda file: file.write(data))
        return name

    def put_file(self, path: Path, sha256: str) -> None:
        """Keep the bytes of a file. They appear whole or not at all."""
        with path.open("rb") as source:
            self._write(sha256, lambda file: shutil.copyfileobj(source, file, CHUNK_BYTES))

    def _write(self, name: str, fill: Callable[[BinaryIO], object]) -> None:
        path = self._path(name)
        if path.exists():
            return
        with _storage_errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f".{name}.{uuid.uuid4().hex}.tmp")
            try:
                with temporary.open("wb") as file:
                    fill(file)
                    file.flush()
                    os.fsync(file.fileno())
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)

    def get(self, sha256: str) -> bytes:
        """The bytes. Raises `NotFoundError`."""
        with self._opened(sha256) as file:
            return file.read()

    def read_range(self, sha256: str, start: int, length: int) -> bytes:
        """Up to `length` bytes from `start` on. Raises `NotFoundError`."""
        with self._opened(sha256) as file:
            file.seek(start)
            return file.read(length)

    def exists(self, sha256: str) -> bool:
        """Whether the bytes are there."""
        with _storage_errors():
            return self._path(sha256).is_file()

    def delete(self, sha256: str) -> None:
        """Forget the bytes."""
        with _storage_errors():
            self._path(sha256).unlink(missing_ok=True)

    def check(self) -> None:
        """Raise `StorageError` unless the folder can be written."""
        with _storage_errors():
            self.folder.mkdir(parents=True, exist_ok=True)
            probe = self.folder / f".probe.{uuid.uuid4().hex}"
            try:
                # Bytes, not only a name: a full disk still takes names.
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
                    # A volume that is not mounted comes back; bytes that are gone do not.
                    raise StorageError("The folder of files is away.") from OSError(str(self.folder))
                raise

    def _path(self, sha256: str) -> Path:
        if len(sha256) != 64 or not sha256.isalnum():
            raise NotFoundError("That is not the name of a blob.")
        return self.folder / sha256[:2] / sha256


@contextmanager
def _storage_errors() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise NotFoundError("These bytes are not in storage any more.") from None
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise StorageError(f"The file store failed: {why}.") from error
