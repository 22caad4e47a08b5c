"""Engine, sessions and column types for SQLite and PostgreSQL."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Connection,
    DateTime,
    Dialect,
    Engine,
    MetaData,
    Table,
    create_engine,
    event,
    func,
    make_url,
    select,
)
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.types import JSON, TypeDecorator

from jobs.db.sqlite_write_lock import FairWriteLock

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

#: How long a transaction waits for another one's writes on SQLite.
LOCK_SECONDS = 30
#: PostgreSQL ends a transaction whose client has been silent for this long. Ours take milliseconds.
IDLE_IN_TRANSACTION_SECONDS = 10


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime, kept in UTC. SQLite forgets the zone, so it is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive datetimes, which would silently mean local time."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A naive datetime can't be stored.")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return an aware datetime."""
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """Base of every model."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: UtcDateTime, dict[str, Any]: JSON(none_as_null=True)}  # noqa: RUF012


SessionFactory = sessionmaker[Session]


def table(model: type[Base]) -> Table:
    """A model's table, for statements that need nothing of the ORM and are executed often."""
    found = model.__table__
    assert isinstance(found, Table)  # noqa: S101 - every model of ours is of one table
    return found


def make_engine(url: str) -> Engine:
    """An engine for `url`; an SQLite file's folder is made, and the file runs in WAL mode.

    Its errors don't show what was asked with: they are logged, and rows are their owners' business.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        engine = create_engine(
            url, pool_pre_ping=True, pool_size=10, max_overflow=20, hide_parameters=True
        )
        if parsed.get_backend_name() == "postgresql":
            event.listen(engine, "connect", _configure_postgresql)
        return engine
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": LOCK_SECONDS}, hide_parameters=True)
    event.listen(engine, "connect", _configure_sqlite)
    turns = FairWriteLock(engine, seconds=LOCK_SECONDS)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that reads first and writes later would fail with "database is locked" whenever
        # another writer came between; taking the write lock at once makes it wait instead. Reads that
        # say so skip the lock.
        if connection.get_execution_options().get("read_only", False):
            connection.exec_driver_sql("BEGIN")
        else:
            turns.begin(connection)
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _configure_postgresql(connection: Any, record: object) -> None:
    # A process that is frozen, or cut off, in the middle of a transaction would hold its row locks for
    # as long as its connection lives, and nobody could take its job back.
    with connection.cursor() as cursor:
        cursor.execute(f"SET idle_in_transaction_session_timeout = '{IDLE_IN_TRANSACTION_SECONDS}s'")
    connection.commit()


def _configure_sqlite(connection: sqlite3.Connection, record: object) -> None:
    # The driver's own transaction handling starts transactions late; ours says BEGIN itself.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def allow_rebuilds(connection: Connection) -> None:
    """Let a connection to SQLite, which is in no transaction, build tables anew.

    SQLite changes a table by building another and dropping the first. With foreign keys on, that
    deletes its rows and all that refers to them. The switch works outside transactions alone.
    """
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA foreign_keys=OFF")


def make_sessions(engine: Engine) -> SessionFactory:
    """Sessions whose objects stay readable after commit."""
    return sessionmaker(engine, expire_on_commit=False)


@contextmanager
def reading(sessions: SessionFactory) -> Iterator[Session]:
    """A session that only reads, and so never waits for a writer."""
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        yield session


def now(session: Session) -> datetime:
    """The database's clock where machines share one, so that leases don't depend on theirs."""
    if session.get_bind().dialect.name == "postgresql":
        value: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
        return value.astimezone(UTC)
    return datetime.now(UTC)


def new_id() -> str:
    """A random identifier: it says nothing and can't be guessed."""
    return str(uuid.uuid4())
