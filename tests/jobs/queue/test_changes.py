"""Changes of jobs, as their transactions tell them."""

from __future__ import annotations

from collections.abc import Callable

from jobs.db.engine import make_sessions
from jobs.db.models.jobs import Job
from jobs.queue import lifecycle
from jobs.queue.changes import after_change
from jobs.queue.position import mark_neutral
from jobs.service import JobService

Submit = Callable[..., Job]


def test_changes_are_told_after_their_commit(service: JobService, submit: Submit) -> None:
    job = submit()
    sessions, told = make_sessions(service.engine), list[tuple[set[str], str]]()

    def tell(ids: set[str]) -> None:
        told.append((ids, service.version(job.id).status))
        with sessions.begin() as session:  # no lock is held any more
            mark_neutral(session)

    after_change(sessions, tell)
    with sessions.begin() as session:
        run = lifecycle.claim(session, "stylize", "w", 60)
        assert run is not None
        assert told == []
    with sessions.begin() as session:
        lifecycle.report_progress(session, run, {"stage": "render", "step": 1, "total": 4})
    with sessions.begin() as session:
        lifecycle.succeed(session, run, {})

    assert told == [({job.id}, "running"), ({job.id}, "running"), ({job.id}, "succeeded")]


def test_a_transaction_that_is_rolled_back_tells_nothing(service: JobService, submit: Submit) -> None:
    submit()
    sessions, told = make_sessions(service.engine), list[set[str]]()
    after_change(sessions, told.append)
    with sessions() as session:
        assert lifecycle.claim(session, "stylize", "w", 60) is not None
        session.rollback()
        session.commit()

    assert told == []
