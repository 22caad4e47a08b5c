"""Transactions that wait for each other in a circle: the database ends one, which is run again."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session
from support.databases import dispose
from support.patience import PATIENCE

from jobs.db.engine import make_engine, make_sessions
from jobs.db.transactions import run_transaction

pytestmark = pytest.mark.dialects


def test_transactions_that_deadlock_both_succeed(database_url: str) -> None:
    """PostgreSQL ends one of them after a second; SQLite lets them begin one after the other."""
    engine = make_engine(database_url)
    sessions = make_sessions(engine)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE counted (name TEXT PRIMARY KEY, value INTEGER)"))
        connection.execute(text("INSERT INTO counted VALUES ('a', 0), ('b', 0)"))
    both_hold_one = threading.Barrier(2)
    tries: list[str] = []

    def count(names: Sequence[str]) -> None:
        def work(session: Session) -> None:
            tries.append(names[0])
            for name in names:
                add = text("UPDATE counted SET value = value + 1 WHERE name = :name")
                session.execute(add, {"name": name})
                if name == names[0] and engine.dialect.name == "postgresql" and len(tries) <= 2:
                    both_hold_one.wait(PATIENCE)

        run_transaction(sessions, work)

    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(count, "ab"), pool.submit(count, "ba")]:
            future.result(PATIENCE)
    with engine.connect() as connection:
        values = connection.scalars(text("SELECT value FROM counted")).all()
    assert values == [2, 2]
    assert len(tries) == (3 if engine.dialect.name == "postgresql" else 2)
    dispose(engine)
