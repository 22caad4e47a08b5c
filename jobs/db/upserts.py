"""Upserts (`INSERT … ON CONFLICT`) for rows that concurrent writers may create: the first one wins."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from jobs.db.engine import now, table
from jobs.db.models.catalog import NetworkVersion, StyleStatistics
from jobs.db.models.owners import Owner

#: SQL dialect → its `insert` with `ON CONFLICT`.
INSERTS: dict[str, Callable[..., Any]] = {
    "postgresql": postgresql_insert,
    "sqlite": sqlite_insert,
}


def ensure_owner(session: Session, name: str) -> None:
    """Insert the owner's row unless it exists; safe beside concurrent inserts."""
    session.execute(_owner_once(dialect_name(session)), {"name": name})


def ensure_owner_and_now(session: Session, name: str) -> datetime:
    """As `ensure_owner`, and the database's time (`now`), in one round trip to PostgreSQL."""
    if dialect_name(session) == "sqlite":
        ensure_owner(session, name)
        return now(session)
    at: datetime = session.execute(_owner_once_and_now(), {"name": name}).scalar_one()
    return at.astimezone(UTC)


def insert_style_statistics(session: Session, sha256: str, network: str, values: bytes) -> None:
    """Insert the statistics of a style under a network, unless they exist."""
    _insert_once(session, StyleStatistics, {"sha256": sha256, "network": network, "values": values})


def upsert_network_version(session: Session, network: str, version: str, at: datetime) -> None:
    """Store the weights that workers render with: outputs of other weights are no cached results."""
    upsert(session, NetworkVersion, {"network": network}, {"version": version, "loaded_at": at})


def upsert(session: Session, model: type[Any], key: dict[str, Any], values: dict[str, Any]) -> None:
    """Insert the row of `key`, or update its `values`."""
    statement = insert_for(session)(model).values(**key, **values)
    session.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values))


def _insert_once(session: Session, model: type[Any], values: dict[str, Any]) -> None:
    session.execute(insert_for(session)(model).values(**values).on_conflict_do_nothing())


# Cached: every submit executes this statement, and building it takes longer than executing it.
@cache
def _owner_once(dialect: str) -> Any:
    return INSERTS[dialect](table(Owner)).on_conflict_do_nothing()


@cache
def _owner_once_and_now() -> Any:
    inserted = _owner_once("postgresql").values(name=bindparam("name")).returning(table(Owner).c.name)
    return select(func.clock_timestamp()).add_cte(inserted.cte("inserted"))


def insert_for(session: Session) -> Any:
    """The `insert` function of the session's SQL dialect, which has `ON CONFLICT`."""
    return INSERTS[dialect_name(session)]


def dialect_name(session: Session) -> str:
    """The name of the session's SQL dialect: `sqlite` or `postgresql`."""
    return session.get_bind().dialect.name
