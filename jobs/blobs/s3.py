"""Blobs as objects in an S3-compatible bucket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jobs.blobs.storage import sha256_of
from jobs.errors import NotFoundError, StorageError


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

    def read_range(self, sha256: str, start: int, length: int) -> bytes:
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
