from __future__ import annotations

import hashlib
import threading
import time
from pathlib import Path

import pytest
from faults.servers import FailingProxy
from support.patience import PATIENCE

from jobs.blobs.local import LocalStorage
from jobs.blobs.s3 import S3Storage
from jobs.blobs.storage import BlobStorage
from jobs.blobs.stores import make_storage
from jobs.errors import NotFoundError, StorageError


def test_what_is_put_can_be_got_under_its_hash(storage: BlobStorage) -> None:
    name = storage.put(b"paint")

    assert name == hashlib.sha256(b"paint").hexdigest()
    assert storage.get(name) == b"paint"
    assert storage.exists(name)
    assert storage.put(b"paint") == name


def test_what_is_not_there(storage: BlobStorage) -> None:
    storage.put(b"something else")
    with pytest.raises(NotFoundError):
        storage.get("0" * 64)
    assert not storage.exists("0" * 64)
    storage.delete("0" * 64)


def test_deleted_bytes_are_gone(storage: BlobStorage) -> None:
    name = storage.put(b"water")
    storage.delete(name)

    with pytest.raises(NotFoundError):
        storage.get(name)


def test_check_passes_on_a_working_store(storage: BlobStorage) -> None:
    storage.check()


def test_no_temporary_file_stays(local_storage: LocalStorage) -> None:
    local_storage.put(b"ink")

    assert [path.name for path in local_storage.folder.rglob("*") if path.is_file()] == [
        hashlib.sha256(b"ink").hexdigest()
    ]


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "x", "/" * 64])
def test_names_that_are_no_hash_reach_no_file(local_storage: LocalStorage, name: str) -> None:
    with pytest.raises(NotFoundError):
        local_storage.get(name)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    storage = LocalStorage(tmp_path / "file" / "blobs")

    with pytest.raises(StorageError):
        storage.put(b"x")
    with pytest.raises(StorageError):
        storage.check()


def test_a_folder_that_is_away_is_not_a_missing_blob(local_storage: LocalStorage) -> None:
    name = local_storage.put(b"x")
    away = local_storage.folder.rename(local_storage.folder.with_name("away"))

    with pytest.raises(StorageError):
        local_storage.get(name)
    away.rename(local_storage.folder)
    assert local_storage.get(name) == b"x"


def test_where_the_store_is_remains_the_operators_business(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is raised is shown to clients; what it was raised from, in the log alone."""
    for name in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "us-east-1")
    (tmp_path / "file").write_text("in the way")
    inner = LocalStorage(tmp_path / "file" / "private")
    absent = LocalStorage(tmp_path / "private")
    remote = make_storage("s3://private/blobs", endpoint_url="http://127.0.0.1:1/private")

    for call in (
        lambda: inner.put(b"x"),
        lambda: absent.get("0" * 64),
        lambda: remote.get("0" * 64),
        remote.check,
    ):
        with pytest.raises(StorageError) as caught:
            call()
        assert "private" in str(caught.value.__cause__)
        for told in (caught.value.detail, str(caught.value)):
            assert "private" not in told
            assert "127.0.0.1" not in told
            assert str(tmp_path) not in told


@pytest.mark.integration
def test_a_bucket_that_is_not_there(s3_storage: S3Storage) -> None:
    s3_storage.bucket = "nowhere"

    with pytest.raises(StorageError):
        s3_storage.check()
    with pytest.raises(StorageError):
        s3_storage.put(b"x")


@pytest.mark.integration
def test_a_deletion_that_was_sent_twice_is_not_confirmed(
    s3_storage: S3Storage, s3_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first request may still be on its way, and would delete a later copy of the same bytes."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    proxy = FailingProxy(s3_endpoint)
    storage = make_storage(f"s3://{s3_storage.bucket}/blobs", endpoint_url=proxy.url)
    paint = storage.put(b"paint")

    def recover() -> None:
        deadline = time.monotonic() + PATIENCE
        while not proxy.refused and time.monotonic() < deadline:
            time.sleep(0.001)
        proxy.failing.clear()

    proxy.failing.set()
    recovering = threading.Thread(target=recover)
    recovering.start()
    with pytest.raises(StorageError, match="only after a retry"):
        storage.delete(paint)
    recovering.join(PATIENCE)

    assert not storage.exists(paint)
    storage.delete(paint)  # this one was sent once
    proxy.close()


def test_urls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    local = make_storage((tmp_path / "a folder").as_uri())
    s3 = make_storage("s3://bucket/some/prefix", endpoint_url="http://127.0.0.1:1")

    assert isinstance(local, LocalStorage)
    assert local.folder == tmp_path / "a folder"
    assert isinstance(s3, S3Storage)
    assert (s3.bucket, s3.prefix) == ("bucket", "some/prefix/")
    with pytest.raises(ValueError, match="ftp"):
        make_storage("ftp://x")
