"""Blob storage in an S3-compatible bucket."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jobs.blobs.storage import sha256_of
from jobs.errors import NotFoundError, StorageError


class S3Storage:
    """Stores blobs as objects of a bucket."""

    def __init__(self, bucket: str, prefix: str, client: Any) -> None:
        self.bucket = bucket
        self.prefix = prefix
        self._client = client

    def put(self, data: bytes, sha256: str | None = None) -> str:
        """Store bytes; returns their SHA-256."""
        name = sha256 or sha256_of(data)
        with _s3_errors():
            self._client.put_object(Bucket=self.bucket, Key=self._key(name), Body=data)
        return name

    def stage(self, data: bytes, sha256: str) -> None:
        """None: an object has its name as soon as it exists."""

    def put_file(self, path: Path, sha256: str) -> None:
        """Store the bytes of a file as a multipart upload."""
        with path.open("rb") as file, _s3_errors():
            self._client.upload_fileobj(file, self.bucket, self._key(sha256))

    def get(self, sha256: str) -> bytes:
        """Read a blob. Raises `NotFoundError`."""
        with _s3_errors():
            response = self._client.get_object(Bucket=self.bucket, Key=self._key(sha256))
            data: bytes = response["Body"].read()
            return data

    def read_range(self, sha256: str, start: int, length: int) -> bytes:
        """Read up to `length` bytes from `start` on. Raises `NotFoundError`."""
        byte_range = f"bytes={start}-{start + length - 1}"
        with _s3_errors():
            response = self._client.get_object(
                Bucket=self.bucket, Key=self._key(sha256), Range=byte_range
            )
            data: bytes = response["Body"].read()
            return data

    def exists(self, sha256: str) -> bool:
        """Whether the blob exists."""
        try:
            with _s3_errors():
                self._client.head_object(Bucket=self.bucket, Key=self._key(sha256))
        except NotFoundError:
            return False
        return True

    def delete(self, sha256: str) -> None:
        """Delete the blob, if it exists."""
        with _s3_errors():
            response = self._client.delete_object(Bucket=self.bucket, Key=self._key(sha256))
        if response["ResponseMetadata"].get("RetryAttempts"):
            # The first request was not answered, and may still be on its way.
            raise StorageError("The file store deleted a file only after a retry.")

    def names(self, part: int, *, age_seconds: float) -> Collection[str]:
        """Empty: rows of objects are written before the objects (`jobs.blobs.rows`)."""
        return ()

    def check(self) -> None:
        """Raise `StorageError` unless the bucket is reachable."""
        try:
            with _s3_errors():
                self._client.head_bucket(Bucket=self.bucket)
        except NotFoundError:
            raise StorageError("The bucket of the file store is missing.") from OSError(self.bucket)

    def _key(self, sha256: str) -> str:
        return f"{self.prefix}{sha256}"


@contextmanager
def _s3_errors() -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code")
        if code in {"NoSuchKey", "404"}:
            raise NotFoundError("This file is no longer in storage.") from None
        raise StorageError(f"The file store failed ({code}).") from error
    except BotoCoreError as error:
        raise StorageError(f"The file store failed ({type(error).__name__}).") from error
