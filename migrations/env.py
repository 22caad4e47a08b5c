"""Alembic's environment: metadata and URL come from `jobs`."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, text

from jobs.db.engine import allow_rebuilds, make_engine
from jobs.db.models import jobs, operations, trainings  # noqa: F401 - their tables are wanted
from jobs.db.schema import BrokenReferencesError
from jobs.settings import load_settings

#: Two deploys that migrate at the same time wait for each other instead of colliding.
LOCK = 7_203_117


def run() -> None:
    """Run the migrations in one transaction, or in that of a connection that was handed over."""
    given: Connection | None = context.config.attributes.get("connection")
    if given is not None:
        _migrate(given)
        return
    url = context.config.get_main_option("sqlalchemy.url") or load_settings().database
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            if connection.dialect.name != "postgresql":
                allow_rebuilds(connection)
            _migrate(connection)
    finally:
        engine.dispose()


def _migrate(connection: Connection) -> None:
    postgresql = connection.dialect.name == "postgresql"
    context.configure(
        connection=connection,
        target_metadata=jobs.Base.metadata,
        render_as_batch=not postgresql,
        compare_type=True,
    )
    with context.begin_transaction():
        if postgresql:
            connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
        context.run_migrations()
        if not postgresql:
            _check_references(connection)


def _check_references(connection: Connection) -> None:
    broken = connection.execute(text("PRAGMA foreign_key_check")).all()
    if broken:
        raise BrokenReferencesError(
            f"The migration would leave {len(broken)} rows without what they refer to."
        )


run()
