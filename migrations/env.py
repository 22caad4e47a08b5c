"""Alembic's environment: metadata and URL come from `jobs`."""

from __future__ import annotations

from typing import Any

from alembic import context
from sqlalchemy import Connection, text

from jobs import dispatch_models, models, training_models  # noqa: F401 - their tables are wanted
from jobs.db import make_engine
from jobs.settings import load_settings

#: Two deploys that migrate at the same time wait for each other instead of colliding.
LOCK = 7_203_117


def run() -> None:
    """Run the migrations in one transaction each."""
    url = context.config.get_main_option("sqlalchemy.url") or load_settings().database
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            postgresql = connection.dialect.name == "postgresql"
            if not postgresql:
                _allow_rebuilds(connection)
            context.configure(
                connection=connection,
                target_metadata=models.Base.metadata,
                render_as_batch=not postgresql,
                compare_type=True,
            )
            with context.begin_transaction():
                if postgresql:
                    connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
                context.run_migrations()
                if not postgresql:
                    _check_references(connection)
    finally:
        engine.dispose()


def _allow_rebuilds(connection: Connection) -> None:
    # SQLite changes a table by building another and dropping the first. With foreign keys on, that
    # deletes its rows and all that refers to them. The switch works outside transactions alone.
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA foreign_keys=OFF")


def _check_references(connection: Connection) -> None:
    broken = connection.execute(text("PRAGMA foreign_key_check")).all()
    if broken:
        raise RuntimeError(f"The migration would leave {len(broken)} rows without what they refer to.")


run()
