"""Database engine, sessions and column types for SQLite and PostgreSQL."""

from __future__ import annotations

import sqlite3
import time
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
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import JSON, TypeDecorator

from jobs.db.sqlite_write_lock import FairWriteLock

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

#: How long a transaction on SQLite waits for the write lock, in seconds.
LOCK_SECONDS = 30
#: The same for a transaction within a request.
REQUEST_LOCK_SECONDS = 3
#: PostgreSQL ends transactions that are idle for so many seconds. Transactions here take milliseconds.
IDLE_IN_TRANSACTION_SECONDS = 10
#: Idle time in seconds after which a connection to PostgreSQL is tested before it is used.
PING_AFTER_SECONDS = 1.0
#: Key in a connection's `info`: since when the connection is idle.
_IDLE_SINCE = "atelier_idle_since"
_CLOCK = select(func.clock_timestamp())


class UtcDateTime(TypeDecorator[datetime]):
    """A timezone-aware datetime, stored in UTC. SQLite drops the zone; it is added again on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Convert to UTC. Naive datetimes are refused, because they would silently mean local time."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A naive datetime can't be stored.")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return a timezone-aware datetime."""
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """Base class of every model."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: UtcDateTime, dict[str, Any]: JSON(none_as_null=True)}  # noqa: RUF012


SessionFactory = sessionmaker[Session]


def table(model: type[Base]) -> Table:
    """The table of a model, for frequent statements, which are faster without the ORM."""
    found = model.__table__
    assert isinstance(found, Table)  # noqa: S101 - every model here has one table
    return found


def sqlite_file(url: str) -> Path | None:
    """The file of an SQLite database; None for another database, and for one in memory."""
    parsed = make_url(url)
    in_file = parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:")
    return Path(parsed.database or "") if in_file else None


def without_password(url: str) -> str:
    """The URL of a database or broker as it may be shown."""
    return make_url(url).render_as_string(hide_password=True)


def make_engine(url: str, *, request_threads: int | None = None) -> Engine:
    """Create the engine of a database URL. SQLite: the folder is created, and WAL mode switched on.

    `request_threads` is the number of threads of a web server: with it, writers on SQLite wait for
    `REQUEST_LOCK_SECONDS` at most, and no more than half of the threads for another process. Then every
    commit on SQLite is also synced to the disk, and with it all earlier commits of all processes. In
    other processes a power failure may undo the newest commits. PostgreSQL syncs all commits.

    Errors don't show the parameters of statements: errors are logged, and rows are private to owners.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        engine = create_engine(url, pool_size=10, max_overflow=20, hide_parameters=True)
        ping_idle_connections(engine)
        if parsed.get_backend_name() == "postgresql":
            event.listen(engine, "connect", _configure_postgresql)
        return engine
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    seconds, max_waiting = LOCK_SECONDS, None
    if request_threads is not None:
        seconds, max_waiting = REQUEST_LOCK_SECONDS, request_threads // 2
    engine = create_engine(url, connect_args={"timeout": seconds}, hide_parameters=True)
    event.listen(engine, "connect", _configure_sqlite if request_threads is None else _sync_commits)
    write_lock = FairWriteLock(engine, seconds=seconds, max_waiting=max_waiting)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that reads first and writes later would fail with "database is locked" if
        # another writer came between. BEGIN IMMEDIATE takes the write lock first, and waits for it.
        # Sessions of `reading` skip the lock, single statements need no transaction.
        options = connection.get_execution_options()
        if options.get("single_statements", False):
            return
        if options.get("read_only", False):
            connection.exec_driver_sql("BEGIN")
        else:
            write_lock.acquire(connection)
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def ping_idle_connections(engine: Engine) -> None:
    """Test pooled connections before their use if they were idle for `PING_AFTER_SECONDS`.

    A test before every use (`pool_pre_ping`) costs each transaction one more round trip.
    """

    @event.listens_for(engine, "checkin")
    def stamp(connection: object, record: ConnectionPoolEntry) -> None:
        record.info[_IDLE_SINCE] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def ping(connection: Any, record: ConnectionPoolEntry, proxy: object) -> None:
        idle_since = record.info.pop(_IDLE_SINCE, None)
        if idle_since is None or time.monotonic() - idle_since < PING_AFTER_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            # The pool then opens a new connection.
            raise DisconnectionError("The connection is closed.") from error


def _configure_postgresql(connection: Any, record: object) -> None:
    # A process that freezes or loses its network within a transaction would hold its row locks as long
    # as its connection lives, so that its job could not be reaped.
    with connection.cursor() as cursor:
        cursor.execute(f"SET idle_in_transaction_session_timeout = '{IDLE_IN_TRANSACTION_SECONDS}s'")
    connection.commit()


def _configure_sqlite(connection: sqlite3.Connection, record: object) -> None:
    # The driver starts transactions late; the listener of `make_engine` sends BEGIN itself.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _sync_commits(connection: sqlite3.Connection, record: object) -> None:
    _configure_sqlite(connection, record)
    connection.execute("PRAGMA synchronous=FULL").close()


def allow_rebuilds(connection: Connection) -> None:
    """Turn foreign keys off on an SQLite connection without a transaction, for migrations.

    A migration changes an SQLite table by copying it and dropping the original. With foreign keys on,
    dropping deletes every row that refers to it. The switch has no effect inside a transaction.
    """
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA foreign_keys=OFF")


def make_reader(engine: Engine) -> Engine:
    """A view of the engine for single statements that read: none of them opens a transaction.

    Thus a statement costs one round trip to PostgreSQL, and no BEGIN and ROLLBACK on SQLite.
    """
    if engine.dialect.name == "sqlite":
        # The driver is in autocommit mode already (`_configure_sqlite`).
        return engine.execution_options(single_statements=True)
    return engine.execution_options(isolation_level="AUTOCOMMIT")


def make_sessions(engine: Engine) -> SessionFactory:
    """The session factory. Objects stay readable after commit."""
    return sessionmaker(engine, expire_on_commit=False)


@contextmanager
def reading(sessions: SessionFactory) -> Iterator[Session]:
    """A read-only session, which never waits for a writer."""
    with sessions() as session:
        session.connection(execution_options={"read_only": True})
        yield session


def now(session: Session) -> datetime:
    """The time of the database's clock, so that leases don't depend on the clocks of machines.

    SQLite is used by one machine, whose own clock serves.
    """
    if session.get_bind().dialect.name == "postgresql":
        value: datetime = session.execute(_CLOCK).scalar_one()
        return value.astimezone(UTC)
    return datetime.now(UTC)


def reader_of(sessions: SessionFactory) -> Engine:
    """The view of `make_reader` of the engine of a session factory."""
    engine: Engine = sessions.kw["bind"]
    return make_reader(engine)


def time_of(connection: Connection) -> datetime:
    """As `now`, for a connection of `make_reader`."""
    if connection.dialect.name == "postgresql":
        value: datetime = connection.execute(_CLOCK).scalar_one()
        return value.astimezone(UTC)
    return datetime.now(UTC)


def new_id() -> str:
    """A random UUID (version 4), which can't be guessed."""
    return str(uuid.uuid4())
