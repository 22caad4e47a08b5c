"""Schema migrations with Alembic: `atelier migrate` and `atelier up` bring a database up to date."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from jobs.db.models import operations, trainings  # noqa: F401 - their tables are part of the schema

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"


class BrokenReferencesError(RuntimeError):
    """Rows violate foreign keys."""


def alembic_config(database_url: str) -> Config:
    """Alembic's configuration for a database URL, without an ini file."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    # ConfigParser would read percent signs of a password as interpolation.
    config.set_main_option("sqlalchemy.url", database_url.replace("%", "%%"))
    return config


def newest_revision() -> str:
    """The newest revision of the schema that this release has."""
    return str(ScriptDirectory(str(MIGRATIONS)).get_current_head())


def is_known(revision: str) -> bool:
    """Whether this release has the migrations to `revision`."""
    try:
        return ScriptDirectory(str(MIGRATIONS)).get_revision(revision) is not None
    except CommandError:
        return False


def upgrade(database_url: str, revision: str = "head") -> None:
    """Apply pending migrations up to `revision`."""
    command.upgrade(alembic_config(database_url), revision)


def upgrade_within(connection: Connection, revision: str = "head") -> None:
    """Apply pending migrations inside the connection's transaction, which the caller ends.

    On SQLite, call `jobs.db.engine.allow_rebuilds` before the transaction begins.
    """
    config = alembic_config("")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
