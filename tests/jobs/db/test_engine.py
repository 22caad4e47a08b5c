from __future__ import annotations

import pytest
from sqlalchemy import text

from jobs.db.engine import IDLE_IN_TRANSACTION_SECONDS, make_engine


@pytest.mark.integration
def test_postgresql_ends_transactions_of_frozen_clients(postgres_url: str) -> None:
    engine = make_engine(postgres_url)
    with engine.connect() as connection:
        shown = connection.execute(text("SHOW idle_in_transaction_session_timeout")).scalar_one()
    engine.dispose()

    assert shown == f"{IDLE_IN_TRANSACTION_SECONDS}s"


@pytest.mark.integration
def test_idle_connections_that_died_are_replaced(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.db.engine.PING_AFTER_SECONDS", 0.0)
    engine, other = make_engine(postgres_url), make_engine(postgres_url)
    with engine.connect() as connection:
        pid = connection.scalar(text("SELECT pg_backend_pid()"))
    with other.begin() as connection:
        connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})

    with engine.connect() as connection:
        assert connection.scalar(text("SELECT pg_backend_pid()")) != pid
    for each in (engine, other):
        each.dispose()


@pytest.mark.parametrize(("threads", "level"), [(None, 1), (16, 2)])
def test_a_web_server_on_sqlite_syncs_its_commits(
    migrated_sqlite_url: str, threads: int | None, level: int
) -> None:
    engine = make_engine(migrated_sqlite_url, request_threads=threads)
    with engine.connect() as connection:
        assert connection.scalar(text("PRAGMA synchronous")) == level  # 1 is NORMAL, 2 is FULL
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
    engine.dispose()
