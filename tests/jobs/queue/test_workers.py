"""Workers as an operator sees them: at work, idle, silent, gone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import update

from jobs.db.engine import SessionFactory, now
from jobs.db.models.jobs import Job
from jobs.db.models.operations import WorkerProcess
from jobs.queue import lifecycle
from jobs.queue.workers import WorkerInfo, list_workers, register_worker, unregister_worker, worker_name

pytestmark = pytest.mark.dialects

BEAT = 15.0


def seen(sessions: SessionFactory) -> dict[str, WorkerInfo]:
    with sessions() as session:
        return {view.name: view for view in list_workers(session, BEAT)}


def silence(sessions: SessionFactory, name: str, seconds: float) -> None:
    """Let the last heartbeat of a worker be so long ago."""
    with sessions.begin() as session:
        at = now(session) - timedelta(seconds=seconds)
        mine = WorkerProcess.name == name
        session.execute(update(WorkerProcess).where(mine).values(seen_at=at))


@pytest.mark.parametrize(
    ("owner", "name"), [("host:12:a1b2", "host:12"), ("::1:12:a1b2", "::1:12"), ("w", "w")]
)
def test_a_lease_tells_the_process(owner: str, name: str) -> None:
    assert worker_name(owner) == name


def test_idle_busy_silent_and_gone(sessions: SessionFactory, submit: Callable[..., Job]) -> None:
    with sessions.begin() as session:
        register_worker(session, "host:1", ["train", "stylize"])
        register_worker(session, "host:2", ["train"])
    began = seen(sessions)["host:1"].started_at
    assert {view.state for view in seen(sessions).values()} == {"idle"}

    job = submit()
    with sessions.begin() as session:
        assert lifecycle.claim(session, "stylize", "host:1:run", 60)
        register_worker(session, "host:1", ["train", "stylize"])
    busy = seen(sessions)["host:1"]
    assert (busy.state, busy.queues, busy.job and busy.job.id) == ("busy", ["stylize", "train"], job.id)
    assert busy.started_at == began

    silence(sessions, "host:2", 3 * BEAT - 5)
    assert seen(sessions)["host:2"].state == "idle"
    silence(sessions, "host:2", 3 * BEAT + 5)
    assert seen(sessions)["host:2"].state == "silent"
    silence(sessions, "host:2", 700)
    with sessions.begin() as session:
        register_worker(session, "host:1", ["stylize"])
    assert set(seen(sessions)) == {"host:1"}
    with sessions.begin() as session:
        unregister_worker(session, "host:1")
    # Its lease still tells of it, until that runs out.
    left = seen(sessions)["host:1"]
    assert (left.state, left.seen_at, left.queues) == ("busy", None, ["stylize"])


def test_of_several_jobs_the_first_is_shown(
    sessions: SessionFactory, submit: Callable[..., Job]
) -> None:
    jobs = [submit(seed=number) for number in range(3)]
    for _ in jobs:
        with sessions.begin() as session:
            assert lifecycle.claim(session, "stylize", "host:1:run", 60)
    shown = seen(sessions)["host:1"].job
    assert shown is not None
    assert shown.id == jobs[0].id
