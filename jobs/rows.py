"""Rows that several writers may want to make at the same time: the first one wins, the rest agree."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from jobs.db import SessionFactory, now
from jobs.dispatch_models import WorkerProcess
from jobs.models import Blob, NetworkVersion, Owner, QueueState, StyleStatistics
from jobs.pictures import PictureInfo
from jobs.storage import BlobStorage, sha256_of


def ensure_owner(session: Session, name: str) -> None:
    """Make sure that the owner's row exists, whoever else makes it at the same time."""
    _insert_once(session, Owner, {"name": name})


def keep_blob(session: Session, sha256: str, size: int, info: PictureInfo, at: datetime) -> None:
    """Write the row of bytes in storage, or note that they are wanted again."""
    values = {
        "size": size,
        "media_type": info.media_type,
        "width": info.width,
        "height": info.height,
        "created_at": at,
    }
    statement = _insert(session)(Blob).values(sha256=sha256, touched_at=at, **values)
    session.execute(statement.on_conflict_do_update(index_elements=["sha256"], set_={"touched_at": at}))


def touch_blob(session: Session, sha256: str) -> None:
    """Note that bytes are wanted, so that they are not swept for a while."""
    session.execute(update(Blob).where(Blob.sha256 == sha256).values(touched_at=now(session)))


def store_blob(sessions: SessionFactory, storage: BlobStorage, data: bytes, info: PictureInfo) -> str:
    """Keep bytes and their row, in the order that a sweep can't break; returns their SHA-256.

    The row comes first and is locked by a sweep while that deletes the bytes: so either the sweep sees
    that the bytes are wanted, or we wait, and write them again.
    """
    with sessions.begin() as session:
        keep_blob(session, sha256_of(data), len(data), info, now(session))
    return storage.put(data)


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


def _insert(session: Session) -> Any:
    postgresql = session.get_bind().dialect.name == "postgresql"
    return postgresql_insert if postgresql else sqlite_insert
