"""Files in the store that no row names, which a process that died left behind."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select
from support.patience import PATIENCE

from jobs.blobs.local import LocalStorage
from jobs.blobs.storage import sha256_of
from jobs.db.models.blobs import Blob, BlobDeletion
from jobs.db.models.jobs import Job
from jobs.operations.unlisted_blobs import UnlistedSweep, delete_unlisted
from jobs.service import JobService

pytestmark = pytest.mark.dialects
Submit = Callable[..., Job]


def sweep(service: JobService, age_seconds: float = 3600) -> int:
    whole = UnlistedSweep(service.sessions, service.storage)
    return whole.run(orphan_seconds=age_seconds, parts=256)


def make_old(storage: LocalStorage) -> None:
    for path in storage.folder.rglob("*"):
        if path.is_file():
            os.utime(path, (time.time() - 7200,) * 2)


def test_only_old_files_without_a_row_are_deleted(
    service: JobService, local_storage: LocalStorage, submit: Submit
) -> None:
    kept = submit()
    lost = local_storage.put(b"nobody's")
    unfinished = local_storage.folder / lost[:2] / f".{lost}.1.tmp"
    unfinished.write_bytes(b"no")
    make_old(local_storage)
    fresh = local_storage.put(b"of a submit that is about to commit")

    assert sweep(service) == 1
    assert not local_storage.exists(lost)
    assert not unfinished.exists()
    assert local_storage.exists(fresh)
    assert all(local_storage.exists(file.sha256) for file in kept.inputs)
    assert sweep(service) == 0


def test_a_store_is_looked_at_part_by_part(service: JobService, local_storage: LocalStorage) -> None:
    names = [local_storage.put(bytes([number])) for number in range(40)]
    make_old(local_storage)
    whole = UnlistedSweep(service.sessions, local_storage)

    deleted = [whole.run(orphan_seconds=3600, parts=64) for _ in range(4)]

    assert sum(deleted) == 40
    assert deleted[0] == sum(int(name[:2], 16) < 64 for name in names)


def test_a_deletion_leaves_no_rows(service: JobService, local_storage: LocalStorage) -> None:
    assert delete_unlisted(service.sessions, local_storage, [local_storage.put(b"x")]) == 1

    with service.sessions() as session:
        assert session.scalars(select(Blob)).all() == []
        assert session.scalars(select(BlobDeletion)).all() == []


def test_files_with_rows_are_not_deleted(service: JobService, submit: Submit) -> None:
    names = [file.sha256 for file in submit().inputs]

    assert delete_unlisted(service.sessions, service.storage, names) == 0
    assert all(service.storage.exists(name) for name in names)


def test_submits_beside_deletions_of_the_same_bytes_keep_them(
    service: JobService, submit: Submit, picture: Callable[..., bytes]
) -> None:
    stop = threading.Event()
    content = picture(8, 8, seed=7)

    def delete() -> None:
        while not stop.wait(0.02):  # a submit waits while a deletion is under way
            delete_unlisted(service.sessions, service.storage, [sha256_of(content)])

    with ThreadPoolExecutor(2) as threads:
        deleting = threads.submit(delete)
        try:
            for number in range(8):
                job = submit(seed=7, params={"alpha": number / 10})
                assert service.storage.exists(sha256_of(content))
                service.cancel(job.id)
                service.delete(job.id)
                with service.sessions.begin() as session:
                    session.delete(session.get_one(Blob, sha256_of(content)))
        finally:
            stop.set()
        deleting.result(PATIENCE)
