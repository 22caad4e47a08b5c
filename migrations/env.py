"""Alembic's environment: metadata and URL come from `jobs`."""

from __future__ import annotations

from alembic import context
from sqlalchemy import text

from jobs import models
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
    finally:
        engine.dispose()


run()
