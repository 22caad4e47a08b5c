"""Rows of blobs, written in an order that is safe beside a concurrent sweep."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from jobs.blobs.storage import BlobStorage, sha256_of, sha256_of_file
from jobs.db.engine import SessionFactory, now, table
from jobs.db.models.blobs import Blob
from jobs.db.upserts import (
    INSERTS,
    dialect_name,
)
from jobs.media.pictures import CheckedFile, PictureInfo


def upsert_blob(session: Session, sha256: str, size: int, info: PictureInfo, at: datetime) -> None:
    """Insert the row of a blob, or update its time of use."""
    values = {
        "sha256": sha256,
        "size": size,
        "media_type": info.media_type,
        "width": info.width,
        "height": info.height,
        "created_at": at,
        "touched_at": at,
    }
    session.execute(_blob_kept(dialect_name(session)), values)


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
    with sessions.begin() as session:
        upsert_blob(session, name, path.stat().st_size, info, now(session))
    storage.put_file(path, name)
    return name


def store_blobs(sessions: SessionFactory, storage: BlobStorage, blobs: Sequence[CheckedFile]) -> None:
    """Store blobs and their rows, in an order that is safe beside a concurrent sweep.

    Rows are written first. A sweep locks a row while it deletes the bytes: so either the sweep sees the
    new time of use, or this transaction waits for the sweep and then writes the bytes again.
    """
    if not blobs:
        return
    with sessions.begin() as session:
        at = now(session)
        # In one order, so that two requests with the same pictures can't deadlock.
        for blob in sorted(blobs, key=lambda blob: blob.sha256):
            upsert_blob(session, blob.sha256, len(blob.data), blob.info, at)
    for blob in blobs:
        storage.put(blob.data, blob.sha256)


@cache
def _blob_kept(dialect: str) -> Any:
    statement = INSERTS[dialect](table(Blob))
    touched = {"touched_at": statement.excluded.touched_at}
    return statement.on_conflict_do_update(index_elements=["sha256"], set_=touched)
