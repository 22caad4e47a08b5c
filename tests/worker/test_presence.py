"""A worker that says that it is there, and leaves."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import delete
from support.patience import PATIENCE

from jobs.db.engine import SessionFactory
from jobs.db.models.operations import WorkerProcess
from jobs.queue.workers import list_workers
from worker.presence import Presence, process_name


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def names(sessions: SessionFactory) -> list[str]:
    with sessions() as session:
        return [view.name for view in list_workers(session, 15)]


def test_it_appears_comes_back_and_leaves(sessions: SessionFactory) -> None:
    presence = Presence(sessions, ["stylize"], seconds=0.05)
    presence.start()
    until(lambda: names(sessions) == [process_name()])
    # Whatever becomes of its row, the next heartbeat writes it again.
    with sessions.begin() as session:
        session.execute(delete(WorkerProcess))
    until(lambda: names(sessions) == [process_name()])
    presence.stop()
    assert names(sessions) == []
