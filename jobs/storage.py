"""Blobs by SHA-256, in a local folder or an S3-compatible bucket.

A blob is written once, whole, and never changes, so writing the same bytes twice is harmless.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from urllib.parse import unquote, urlsplit

from jobs.errors import NotFoundError, StorageError


def sha256_of(data: bytes) -> str:
    """The name of a blob."""
    return hashlib.sha256(data).hexdigest()


def sha256_of_file(path: Path) -> str:
    """The name of a blob that is a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


#: Bytes that are moved at once where files are large: pictures in one piece, videos in many.
PIECE = 1 << 20


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

    def part(self, sha256: str, start: int, length: int) -> bytes:
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
            self._write(sha256, lambda file: shutil.copyfileobj(source, file, PIECE))

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

    def part(self, sha256: str, start: int, length: int) -> bytes:
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


class S3Storage:
    """Blobs as objects in a bucket."""

    def __init__(self, bucket: str, prefix: str, client: Any) -> None:
        self.bucket = bucket
        self.prefix = prefix
        self._client = client

    def put(self, data: bytes, sha256: str | None = None) -> str:
        """Keep `data`; returns its SHA-256."""
        name = sha256 or sha256_of(data)
        with _s3_errors():
            self._client.put_object(Bucket=self.bucket, Key=self._key(name), Body=data)
        return name

    def put_file(self, path: Path, sha256: str) -> None:
        """Keep the bytes of a file, a few parts at a time."""
        with path.open("rb") as file, _s3_errors():
            self._client.upload_fileobj(file, self.bucket, self._key(sha256))

    def get(self, sha256: str) -> bytes:
        """The bytes. Raises `NotFoundError`."""
        with _s3_errors():
            answer = self._client.get_object(Bucket=self.bucket, Key=self._key(sha256))
            data: bytes = answer["Body"].read()
            return data

    def part(self, sha256: str, start: int, length: int) -> bytes:
        """Up to `length` bytes from `start` on. Raises `NotFoundError`."""
        wanted = f"bytes={start}-{start + length - 1}"
        with _s3_errors():
            answer = self._client.get_object(Bucket=self.bucket, Key=self._key(sha256), Range=wanted)
            data: bytes = answer["Body"].read()
            return data

    def exists(self, sha256: str) -> bool:
        """Whether the bytes are there."""
        try:
            with _s3_errors():
                self._client.head_object(Bucket=self.bucket, Key=self._key(sha256))
        except NotFoundError:
            return False
        return True

    def delete(self, sha256: str) -> None:
        """Forget the bytes."""
        with _s3_errors():
            self._client.delete_object(Bucket=self.bucket, Key=self._key(sha256))

    def check(self) -> None:
        """Raise `StorageError` unless the bucket answers."""
        try:
            with _s3_errors():
                self._client.head_bucket(Bucket=self.bucket)
        except NotFoundError:
            raise StorageError("There is no bucket.") from OSError(self.bucket)

    def _key(self, sha256: str) -> str:
        return f"{self.prefix}{sha256}"


# What is told to clients names no folder, bucket or host; the cause, which is logged, does.


@contextmanager
def _storage_errors() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise NotFoundError("These bytes are not in storage any more.") from None
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise StorageError(f"The file store failed: {why}.") from error


@contextmanager
def _s3_errors() -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code")
        if code in {"NoSuchKey", "404"}:
            raise NotFoundError("These bytes are not in storage any more.") from None
        raise StorageError(f"The file store failed ({code}).") from error
    except BotoCoreError as error:
        raise StorageError(f"The file store failed ({type(error).__name__}).") from error


def make_storage(url: str, *, endpoint_url: str = "") -> BlobStorage:
    """Storage for `file:///folder` or `s3://bucket/prefix`. Raises `ValueError` for other schemes."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return LocalStorage(Path(unquote(parts.path)))
    if parts.scheme == "s3":
        import boto3
        from botocore.config import Config

        config = Config(connect_timeout=5, read_timeout=30, retries={"max_attempts": 3})
        client = boto3.client("s3", endpoint_url=endpoint_url or None, config=config)
        prefix = parts.path.strip("/")
        return S3Storage(parts.netloc, f"{prefix}/" if prefix else "", client)
    raise ValueError(f"STORAGE_URL must start with file:// or s3://, not {url!r}.")
