"""Creates the blob storage of `STORAGE_URL`."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from jobs.blobs.local import LocalStorage
from jobs.blobs.s3 import S3Storage
from jobs.blobs.storage import BlobStorage


def make_storage(url: str, *, endpoint_url: str = "") -> BlobStorage:
    """Create the storage of `file:///folder` or `s3://bucket/prefix`. Raises `ValueError` otherwise."""
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
