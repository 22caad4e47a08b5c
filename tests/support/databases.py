"""Databases of a test's own, on a running PostgreSQL server or in a file."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, NullPool, create_engine, text
from support.patience import PATIENCE


def administrator(server: str) -> Engine:
    """An engine that creates and drops databases of the server at this URL."""
    url = server.replace("postgresql://", "postgresql+psycopg://")
    return create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)


@contextmanager
def postgres_database(server: str, template: str = "template1") -> Iterator[str]:
    """The URL of a new database, a copy of `template`; dropped afterwards."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    admin = administrator(server)
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    yield admin.url.set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


def dispose(engine: Engine) -> None:
    """Close an engine's connections. Fails if a test left one in use.

    The garbage collector would close such a connection within another test, which would fail for it.
    """
    deadline = time.monotonic() + PATIENCE
    while (in_use := engine.pool.checkedout()) and time.monotonic() < deadline:  # type: ignore[attr-defined]
        time.sleep(0.01)
    engine.dispose()
    assert in_use == 0, f"{in_use} connections are still in use"
