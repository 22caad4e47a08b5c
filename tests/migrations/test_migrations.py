from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from click.testing import CliRunner
from sqlalchemy import Engine, inspect, select, text
from support.databases import dispose

from jobs.commands.maintenance import migrate
from jobs.db.engine import make_engine, make_sessions
from jobs.db.models.catalog import Style
from jobs.db.models.jobs import Base, Job
from jobs.db.schema import alembic_config, upgrade

pytestmark = pytest.mark.dialects


def test_up_matches_the_models_and_down_leaves_nothing(database_url: str) -> None:
    upgrade(database_url)
    upgrade(database_url)  # twice is once

    engine = make_engine(database_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []

    command.downgrade(alembic_config(database_url), "base")
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
    dispose(engine)


#: Rows as the first schema held them: table → values.
FIRST_ROWS = {
    "owners": {"name": "ann"},
    "blobs": {"sha256": "a" * 64, "size": 3, "media_type": "image/png", "created_at": "2026-01-01"},
    "styles": {
        "id": "oils",
        "title": "Oils",
        "description": "",
        "position": 0,
        "sha256": "a" * 64,
        "created_at": "2026-01-01",
    },
    "jobs": {
        "id": "j",
        "owner": "ann",
        "kind": "stylize",
        "queue": "stylize",
        "priority": 0,
        "status": "failed",
        "params": "{}",
        "idempotency_key": "k",
        "attempt": 3,
        "max_attempts": 3,
        "run_at": "2026-01-01",
        "version": 5,
        "created_at": "2026-01-01",
    },
    "job_files": {
        "id": 1,
        "job_id": "j",
        "direction": "input",
        "role": "content",
        "position": 0,
        "sha256": "a" * 64,
    },
    "job_events": {
        "seq": 1,
        "job_id": "j",
        "type": "state",
        "data": '{"status": "queued"}',
        "created_at": "2026-01-01",
    },
    "outbox": {"id": 1, "job_id": "j", "queue": "stylize", "created_at": "2026-01-01"},
}


def put_first_rows(engine: Engine) -> None:
    with engine.begin() as connection:
        for table, values in FIRST_ROWS.items():
            names, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
            connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), values)


def counts(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        return {
            table: connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
            for table in FIRST_ROWS
        }


def test_rows_of_the_first_schema_are_kept_both_ways(database_url: str) -> None:
    config = alembic_config(database_url)
    command.upgrade(config, "0001")
    engine = make_engine(database_url)
    put_first_rows(engine)

    command.upgrade(config, "head")

    with make_sessions(engine)() as session:
        job = session.get_one(Job, "j")
        assert (job.status, job.version, job.idempotency_key) == ("failed", 5, "k")
        assert (job.dead, job.cached, job.use_cache) == (False, False, True)
        assert (job.batch_id, job.retried_from, job.cancel_at) == (None, None, None)
        assert job.expires_at is None
        assert [file.role for file in job.inputs] == ["content"]
        assert [file.blob.touched_at == file.blob.created_at for file in job.inputs] == [True]
        assert [style.owner for style in session.scalars(select(Style))] == [None]
    assert counts(engine) == dict.fromkeys(FIRST_ROWS, 1)

    command.downgrade(config, "0001")
    assert counts(engine) == dict.fromkeys(FIRST_ROWS, 1)
    dispose(engine)


def tables_of(engine: Engine) -> dict[str, dict[str, Any]]:
    """Table → column → what is known of it."""
    found = inspect(engine)
    return {
        table: {column["name"]: column for column in found.get_columns(table)}
        for table in found.get_table_names()
        if table != "alembic_version"
    }


def test_every_migration_leaves_the_release_before_it_running(database_url: str) -> None:
    """Tables and columns are added alone, and nothing that is added has to be given."""
    config = alembic_config(database_url)
    engine = make_engine(database_url)
    revisions = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    before: dict[str, dict[str, Any]] = {}
    for revision in reversed(revisions):
        command.upgrade(config, revision)
        after = tables_of(engine)
        for table, columns in before.items():
            assert set(columns) <= set(after.get(table, {})), f"{revision} takes from {table}"
            for name, column in after[table].items():
                if name in columns:
                    same = ("nullable", "type")
                    assert [str(column[k]) for k in same] == [str(columns[name][k]) for k in same]
                else:
                    given = column["nullable"] or column["default"] is not None
                    assert given, f"{revision} asks for {table}.{name}, which no older release gives"
        before = after
    assert len(revisions) >= 5
    dispose(engine)


def test_a_worker_of_the_first_schema_can_write_into_the_newest(database_url: str) -> None:
    upgrade(database_url)
    engine = make_engine(database_url)

    put_first_rows(engine)

    assert counts(engine) == dict.fromkeys(FIRST_ROWS, 1)
    with make_sessions(engine)() as session:
        assert session.get_one(Job, "j").use_cache is True
    dispose(engine)


def test_an_older_release_says_that_the_schema_is_newer(sqlite_url: str, tmp_path: Path) -> None:
    upgrade(sqlite_url)
    engine = make_engine(sqlite_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    dispose(engine)

    done = CliRunner().invoke(migrate, env={"DATABASE_URL": sqlite_url, "ATELIER_HOME": str(tmp_path)})

    assert done.exit_code == 1
    assert "has the schema of a newer release" in done.stderr
