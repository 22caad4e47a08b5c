"""Rows of blobs, written in an order that is safe beside a concurrent sweep.

Rows are written before bytes. A sweep replaces the row of an orphan by a row in `blob_deletions`,
commits, deletes the bytes, and then deletes that second row. So either the sweep sees the new time of
use, or waits for the writer's lock and then finds a reference, and keeps the blob; or the writer sees
the deletion and waits until its bytes are gone.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from jobs.blobs.storage import BlobStorage, sha256_of, sha256_of_file
from jobs.db.engine import SessionFactory, UtcDateTime, now, table
from jobs.db.models.blobs import Blob, BlobDeletion
from jobs.db.upserts import (
    INSERTS,
    dialect_name,
)
from jobs.errors import StorageError
from jobs.media.pictures import CheckedFile, PictureInfo

#: Seconds for which a writer waits until the old copy of the same bytes is deleted.
DELETION_WAIT_SECONDS = 2.0
#: A time of use is updated once it is so many seconds old.
TOUCH_SECONDS = 60.0
_BLOBS = table(Blob)
_KNOWN_LOCKED = (
    select(_BLOBS.c.sha256)
    .where(
        _BLOBS.c.sha256.in_(bindparam("names", expanding=True)),
        _BLOBS.c.touched_at > bindparam("since", type_=UtcDateTime),
    )
    .order_by(_BLOBS.c.sha256)
    .with_for_update(read=True, key_share=True)
)
_DELETIONS = (
    select(BlobDeletion.sha256)
    .where(BlobDeletion.sha256.in_(bindparam("names", expanding=True)))
    .limit(1)
)


class BeingDeletedError(Exception):
    """The bytes of a blob are being deleted; the transaction is rolled back."""


def upsert_blob(session: Session, sha256: str, size: int, info: PictureInfo, at: datetime) -> None:
    """Insert the row of a blob, or update its time of use."""
    session.execute(_blob_kept(dialect_name(session)), _values(sha256, size, info, at))


def _values(sha256: str, size: int, info: PictureInfo, at: datetime) -> dict[str, Any]:
    return {
        "sha256": sha256,
        "size": size,
        "media_type": info.media_type,
        "width": info.width,
        "height": info.height,
        "created_at": at,
        "touched_at": at,
    }


def touch_blob(session: Session, sha256: str) -> None:
    """Update a blob's time of use, so that it is not swept for a while."""
    session.execute(update(Blob).where(Blob.sha256 == sha256).values(touched_at=now(session)))


def store_blob(sessions: SessionFactory, storage: BlobStorage, data: bytes, info: PictureInfo) -> str:
    """Store bytes and their row, as `store_blobs` does; returns their SHA-256."""
    name = sha256_of(data)
    store_blobs(sessions, storage, [CheckedFile(data=data, sha256=name, info=info)])
    return name


def store_file(sessions: SessionFactory, storage: BlobStorage, path: Path, info: PictureInfo) -> str:
    """Store a file and its row in bounded memory, as `store_blobs` does; returns its SHA-256."""
    name = sha256_of_file(path)
    _write_rows(sessions, [(name, path.stat().st_size, info)])
    storage.put_file(path, name)
    return name


def store_blobs(sessions: SessionFactory, storage: BlobStorage, blobs: Sequence[CheckedFile]) -> None:
    """Store blobs and their rows. Raises `StorageError`, also while old copies are being deleted."""
    if not blobs:
        return
    _write_rows(sessions, [(blob.sha256, len(blob.data), blob.info) for blob in blobs])
    for blob in blobs:
        storage.put(blob.data, blob.sha256)


def _write_rows(sessions: SessionFactory, blobs: Sequence[tuple[str, int, PictureInfo]]) -> None:
    """Write the rows of blobs (SHA-256, bytes, info) once none of them is being deleted."""
    deadline = time.monotonic() + DELETION_WAIT_SECONDS
    while True:
        try:
            with sessions.begin() as session:
                write_rows(session, blobs, now(session))
            return
        except BeingDeletedError:
            if time.monotonic() >= deadline:
                detail = "The file store is still deleting an old copy of this file; send it again."
                raise StorageError(detail, retry_after=10) from None
        time.sleep(0.05)


def write_rows(
    session: Session,
    blobs: Sequence[tuple[str, int, PictureInfo]],
    at: datetime,
    *,
    referred: bool = False,
) -> None:
    """Write the rows of blobs (SHA-256, bytes, info), whose bytes get their names afterwards.

    With `referred`, the transaction also inserts rows that refer to all of them. Raises
    `BeingDeletedError`: then the transaction must be rolled back.
    """
    # In one order, so that two requests with the same pictures can't deadlock.
    rows = {blob[0]: _values(*blob, at) for blob in sorted(blobs, key=lambda blob: blob[0])}
    inserted, locked = set[str](), set[str]()
    # On SQLite, a transaction that writes is the only one.
    if referred and dialect_name(session) != "sqlite":
        inserted = set(session.scalars(_blob_once(), list(rows.values())))
        locked = _lock_known(session, rows.keys() - inserted, at)
    left = [row for name, row in rows.items() if name not in inserted | locked]
    if left:
        session.execute(_blob_kept(dialect_name(session)), left)
    # After the rows: a sweep that came first has committed by then, a later one sees them.
    names = list(rows.keys() - locked)
    if names and session.scalar(_DELETIONS, {"names": names}) is not None:
        raise BeingDeletedError


def _lock_known(session: Session, names: Collection[str], at: datetime) -> set[str]:
    """Lock rows that were used a short time ago against deletion; returns their names.

    Many transactions can hold this lock at once. An update instead would make all jobs with the same
    style wait for one another. A sweep waits for the lock, and then finds that the row is referred to.
    """
    if not names:
        return set()
    since = at - timedelta(seconds=TOUCH_SECONDS)
    return set(session.scalars(_KNOWN_LOCKED, {"names": list(names), "since": since}))


@cache
def _blob_once() -> Any:
    return INSERTS["postgresql"](_BLOBS).on_conflict_do_nothing().returning(_BLOBS.c.sha256)


@cache
def _blob_kept(dialect: str) -> Any:
    statement = INSERTS[dialect](_BLOBS)
    touched = {"touched_at": statement.excluded.touched_at}
    return statement.on_conflict_do_update(index_elements=["sha256"], set_=touched)
