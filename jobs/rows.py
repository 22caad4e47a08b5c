"""Rows that several writers may want to make at the same time: the first one wins, the rest agree."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from jobs.models import Blob, NetworkVersion, Owner, QueueState, StyleStatistics
from jobs.pictures import PictureInfo


def ensure_owner(session: Session, name: str) -> None:
    """Make sure that the owner's row exists, whoever else makes it at the same time."""
    _insert_once(session, Owner, {"name": name})


def keep_blob(session: Session, sha256: str, size: int, info: PictureInfo, at: datetime) -> None:
    """Write the row of bytes in storage, unless it is there."""
    values = {
        "sha256": sha256,
        "size": size,
        "media_type": info.media_type,
        "width": info.width,
        "height": info.height,
        "created_at": at,
    }
    _insert_once(session, Blob, values)


def keep_statistics(session: Session, sha256: str, network: str, values: bytes) -> None:
    """Write a style's statistics under a network, unless they are there."""
    _insert_once(session, StyleStatistics, {"sha256": sha256, "network": network, "values": values})


def keep_network_version(session: Session, network: str, version: str, at: datetime) -> None:
    """Say that a worker has started with these weights: outputs of others are not used again."""
    _upsert(session, NetworkVersion, {"network": network}, {"version": version, "loaded_at": at})


def keep_pause(session: Session, queue: str, paused_at: datetime | None) -> None:
    """Write that a queue is paused since then, or not (None)."""
    _upsert(session, QueueState, {"name": queue}, {"paused_at": paused_at})


def _upsert(session: Session, model: type[Any], key: dict[str, Any], values: dict[str, Any]) -> None:
    statement = _insert(session)(model).values(**key, **values)
    session.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values))


def _insert_once(session: Session, model: type[Any], values: dict[str, Any]) -> None:
    session.execute(_insert(session)(model).values(**values).on_conflict_do_nothing())


def _insert(session: Session) -> Any:
    postgresql = session.get_bind().dialect.name == "postgresql"
    return postgresql_insert if postgresql else sqlite_insert
