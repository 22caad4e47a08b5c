"""Bring a database to the newest schema, as `atelier migrate` and every embedded start do."""

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
    """Rows would name others that are not there."""


def alembic_config(database_url: str) -> Config:
    """Alembic's configuration for a database, without an ini file."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    # Percent signs in a password would be read as interpolation.
    config.set_main_option("sqlalchemy.url", database_url.replace("%", "%%"))
    return config


def newest_revision() -> str:
    """The schema of this release."""
    return str(ScriptDirectory(str(MIGRATIONS)).get_current_head())


def is_known(revision: str) -> bool:
    """Whether this release can bring a database to `revision`, and on from there."""
    try:
        return ScriptDirectory(str(MIGRATIONS)).get_revision(revision) is not None
    except CommandError:
        return False


def upgrade(database_url: str, revision: str = "head") -> None:
    """Apply the migrations that the database has not had, up to `revision`."""
    command.upgrade(alembic_config(database_url), revision)


def upgrade_within(connection: Connection, revision: str = "head") -> None:
    """The same inside the connection's transaction, which the caller ends.

    On SQLite, `jobs.db.engine.allow_rebuilds` comes before that transaction.
    """
    config = alembic_config("")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
