"""Blob storage in a local folder."""

from __future__ import annotations

import errno
import os
import shutil
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from imaging.atomic_write import atomic_write
from jobs.blobs.storage import CHUNK_BYTES, StagedBlob, sha256_of
from jobs.errors import NotFoundError, StorageError

#: Flag of files without a name (Linux), and errors of file systems that have none.
_UNNAMED: int = getattr(os, "O_TMPFILE", 0)
_NO_UNNAMED_FILES = {errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL}


class LocalStorage:
    """Stores blobs as files of a folder, with one subfolder for each first byte of the SHA-256."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, data: bytes, sha256: str | None = None) -> str:
        """Store bytes atomically; returns their SHA-256."""
        name = sha256 or sha256_of(data)
        self._write(name, lambda file: file.write(data))
        return name

    def stage(self, data: bytes, sha256: str) -> StagedBlob | None:
        """Write and sync bytes in a file without a name; None where the file system has none."""
        path = self._path(sha256)
        if path.exists():
            return _StagedFile(self, path, data, None)
        with _storage_errors():
            try:
                descriptor = _open_unnamed(path.parent)
            except OSError as error:
                if error.errno in _NO_UNNAMED_FILES:
                    return None
                raise
            file = os.fdopen(descriptor, "wb")
            try:
                file.write(data)
                file.flush()
                os.fsync(descriptor)
            except OSError:
                file.close()
                raise
        return _StagedFile(self, path, data, file)

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

    def names(self, part: int, *, age_seconds: float) -> Collection[str]:
        """See `BlobStorage`. Temporary files of writers that died are deleted."""
        before = time.time() - age_seconds
        names = []
        with _storage_errors():
            folder = self.folder / f"{part:02x}"
            for path in folder.iterdir() if folder.is_dir() else ():
                with suppress(FileNotFoundError):
                    if path.stat().st_mtime >= before:
                        continue
                    if path.suffix == ".tmp":
                        path.unlink()
                    elif len(path.name) == 64:
                        names.append(path.name)
        return names

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


class _StagedFile:
    """See `StagedBlob`. Without a `file`, the store had these bytes already."""

    def __init__(self, storage: LocalStorage, path: Path, data: bytes, file: BinaryIO | None) -> None:
        self._storage = storage
        self._path = path
        self._data = data
        self._file = file

    def publish(self) -> bool:
        """See `StagedBlob`."""
        if self._file is None:
            # Stored again if it was deleted since.
            self._storage.put(self._data, self._path.name)
            return False
        is_new = False
        with _storage_errors(), _folder(self._path.parent) as folder:
            # Another request may have named the same bytes, and not have synced the folder yet.
            with suppress(FileExistsError):
                # The link in /proc is the only name that the file has.
                os.link(f"/proc/self/fd/{self._file.fileno()}", self._path.name, dst_dir_fd=folder)
                is_new = True
            os.fsync(folder)
        return is_new

    def close(self) -> None:
        """See `StagedBlob`."""
        if self._file is not None:
            self._file.close()


def _open_unnamed(folder: Path) -> int:
    """The descriptor of a new file without a name in a folder, which is made if it is missing."""
    flags = _UNNAMED | os.O_WRONLY
    with suppress(FileNotFoundError):
        return os.open(folder, flags, 0o666)
    folder.mkdir(parents=True, exist_ok=True)
    return os.open(folder, flags, 0o666)


@contextmanager
def _folder(path: Path) -> Iterator[int]:
    """The descriptor of a folder. After a sync of it, names in it survive a power failure."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _storage_errors() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise NotFoundError("This file is no longer in storage.") from None
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise StorageError(f"The file store failed: {why}.") from error
