"""Rows that several writers may want to make at the same time: the first one wins, the rest agree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from jobs.db import SessionFactory, now, table
from jobs.dispatch_models import WorkerProcess
from jobs.models import Blob, NetworkVersion, Owner, QueueState, StyleStatistics
from jobs.pictures import CheckedFile, PictureInfo
from jobs.storage import BlobStorage, sha256_of, sha256_of_file

_INSERTS: dict[str, Callable[..., Any]] = {
    "postgresql": postgresql_insert,
    "sqlite": sqlite_insert,
}


def ensure_owner(session: Session, name: str) -> None:
    """Make sure that the owner's row exists, whoever else makes it at the same time."""
    session.execute(_owner_once(_dialect(session)), {"name": name})


def keep_blob(session: Session, sha256: str, size: int, info: PictureInfo, at: datetime) -> None:
    """Write the row of bytes in storage, or note that they are wanted again."""
    values = {
        "sha256": sha256,
        "size": size,
        "media_type": info.media_type,
        "width": info.width,
        "height": info.height,
        "created_at": at,
        "touched_at": at,
    }
    session.execute(_blob_kept(_dialect(session)), values)


def touch_blob(session: Session, sha256: str) -> None:
    """Note that bytes are wanted, so that they are not swept for a while."""
    session.execute(update(Blob).where(Blob.sha256 == sha256).values(touched_at=now(session)))


def store_blob(sessions: SessionFactory, storage: BlobStorage, data: bytes, info: PictureInfo) -> str:
    """Keep bytes and their row, as `store_blobs` does; returns their SHA-256."""
    name = sha256_of(data)
    store_blobs(sessions, storage, [CheckedFile(data=data, sha256=name, info=info)])
    return name


def store_file(sessions: SessionFactory, storage: BlobStorage, path: Path, info: PictureInfo) -> str:
    """Keep the bytes of a file and their row, in bounded memory and as `store_blobs` does."""
    name = sha256_of_file(path)
    with sessions.begin() as session:
        keep_blob(session, name, path.stat().st_size, info, now(session))
    storage.put_file(path, name)
    return name


def store_blobs(sessions: SessionFactory, storage: BlobStorage, blobs: Sequence[CheckedFile]) -> None:
    """Keep bytes and their rows, in the order that a sweep can't break.

    The rows come first and are locked by a sweep while that deletes the bytes: so either the sweep sees
    that the bytes are wanted, or we wait, and write them again.
    """
    if not blobs:
        return
    with sessions.begin() as session:
        at = now(session)
        # In one order, or two requests with the same pictures might wait for each other.
        for blob in sorted(blobs, key=lambda blob: blob.sha256):
            keep_blob(session, blob.sha256, len(blob.data), blob.info, at)
    for blob in blobs:
        storage.put(blob.data, blob.sha256)


def keep_statistics(session: Session, sha256: str, network: str, values: bytes) -> None:
    """Write a style's statistics under a network, unless they are there."""
    _insert_once(session, StyleStatistics, {"sha256": sha256, "network": network, "values": values})


def keep_network_version(session: Session, network: str, version: str, at: datetime) -> None:
    """Say that a worker has started with these weights: outputs of others are not used again."""
    _upsert(session, NetworkVersion, {"network": network}, {"version": version, "loaded_at": at})


def keep_pause(session: Session, queue: str, paused_at: datetime | None) -> None:
    """Write that a queue is paused since then, or not (None)."""
    _upsert(session, QueueState, {"name": queue}, {"paused_at": paused_at})


def keep_worker(session: Session, name: str, queues: str, at: datetime) -> None:
    """Say that a worker is there; when it came stays as it was."""
    values = {"queues": queues, "started_at": at, "seen_at": at}
    statement = _insert(session)(WorkerProcess).values(name=name, **values)
    seen = {"queues": queues, "seen_at": at}
    session.execute(statement.on_conflict_do_update(index_elements=["name"], set_=seen))


def _upsert(session: Session, model: type[Any], key: dict[str, Any], values: dict[str, Any]) -> None:
    statement = _insert(session)(model).values(**key, **values)
    session.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values))


def _insert_once(session: Session, model: type[Any], values: dict[str, Any]) -> None:
    session.execute(_insert(session)(model).values(**values).on_conflict_do_nothing())


# Every submit executes these two; to put one together takes longer than to execute it.


@cache
def _owner_once(dialect: str) -> Any:
    return _INSERTS[dialect](table(Owner)).on_conflict_do_nothing()


@cache
def _blob_kept(dialect: str) -> Any:
    statement = _INSERTS[dialect](table(Blob))
    touched = {"touched_at": statement.excluded.touched_at}
    return statement.on_conflict_do_update(index_elements=["sha256"], set_=touched)


def _insert(session: Session) -> Any:
    return _INSERTS[_dialect(session)]


def _dialect(session: Session) -> str:
    return session.get_bind().dialect.name
