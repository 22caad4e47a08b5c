from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import update
from support.tests_support import expire_lease

from jobs.db.engine import SessionFactory, now
from jobs.db.models.jobs import Job, JobEvent
from jobs.db.models.owners import Owner
from jobs.db.upserts import ensure_owner
from jobs.errors import ConflictError, LeaseLostError
from jobs.queue import lifecycle
from jobs.queue.lifecycle import FINAL, TRANSITIONS, JobStatus, Run

pytestmark = pytest.mark.dialects


def add_job(
    sessions: SessionFactory,
    *,
    owner: str = "ann",
    priority: int = 0,
    delay: float = 0,
    max_attempts: int = 3,
) -> str:
    with sessions.begin() as session:
        at = now(session)
        ensure_owner(session, owner)
        job = Job(
            owner=owner,
            kind="stylize",
            queue="stylize",
            priority=priority,
            status=JobStatus.QUEUED,
            params={},
            max_attempts=max_attempts,
            run_at=at + timedelta(seconds=delay),
            created_at=at,
        )
        session.add(job)
        session.flush()
        return job.id


def claim(sessions: SessionFactory, worker: str = "w1", lease: float = 60) -> Run | None:
    with sessions.begin() as session:
        return lifecycle.claim(session, "stylize", worker, lease)


def job(sessions: SessionFactory, job_id: str) -> Job:
    with sessions() as session:
        return session.get_one(Job, job_id)


def force(sessions: SessionFactory, job_id: str, status: JobStatus) -> Run:
    """Put a job in a state, with a lease that would fit were it running."""
    run = Run(job_id=job_id, attempt=1, lease_owner="w1")
    with sessions.begin() as session:
        session.execute(
            update(Job)
            .where(Job.id == job_id)
            .values(
                status=status,
                attempt=1,
                lease_owner="w1",
                lease_expires_at=now(session) + timedelta(seconds=60),
            )
        )
    return run


VERBS = {
    "succeed": (lambda s, r: lifecycle.succeed(s, r, {}), JobStatus.SUCCEEDED),
    "fail": (lambda s, r: lifecycle.fail(s, r, {"code": "x"}), JobStatus.FAILED),
    "finish_canceled": (lifecycle.finish_canceled, JobStatus.CANCELED),
    "requeue": (lambda s, r: lifecycle.requeue(s, r, reason="retry"), JobStatus.QUEUED),
    "heartbeat": (lambda s, r: lifecycle.heartbeat(s, r, 60), JobStatus.RUNNING),
    "report_progress": (lambda s, r: lifecycle.report_progress(s, r, {}), JobStatus.RUNNING),
}


@pytest.mark.parametrize("status", list(JobStatus))
@pytest.mark.parametrize("verb", VERBS)
def test_a_run_changes_a_running_job_and_no_other(
    sessions: SessionFactory, verb: str, status: JobStatus
) -> None:
    job_id = add_job(sessions)
    run = force(sessions, job_id, status)
    act, expected = VERBS[verb]

    if status is JobStatus.RUNNING:
        with sessions.begin() as session:
            act(session, run)
        assert job(sessions, job_id).status == expected
        assert expected in TRANSITIONS[status] | {JobStatus.RUNNING}
    else:
        with pytest.raises(LeaseLostError), sessions.begin() as session:
            act(session, run)
        assert job(sessions, job_id).status == status


@pytest.mark.parametrize("status", list(JobStatus))
def test_only_queued_jobs_are_claimed(sessions: SessionFactory, status: JobStatus) -> None:
    job_id = add_job(sessions)
    force(sessions, job_id, status)

    run = claim(sessions, "w2")

    assert (run is not None) == (status is JobStatus.QUEUED)


@pytest.mark.parametrize("status", list(JobStatus))
def test_cancel(sessions: SessionFactory, status: JobStatus) -> None:
    job_id = add_job(sessions)
    force(sessions, job_id, status)

    with sessions.begin() as session:
        after = lifecycle.cancel(session, job_id)

    kept = job(sessions, job_id)
    assert after == kept.status
    if status is JobStatus.QUEUED:
        assert after is JobStatus.CANCELED
        assert kept.finished_at is not None
    else:
        assert after is status
        assert (kept.cancel_requested_at is not None) == (status is JobStatus.RUNNING)


def test_cancel_of_a_job_that_is_not_there(sessions: SessionFactory) -> None:
    with pytest.raises(ConflictError), sessions.begin() as session:
        lifecycle.cancel(session, "nothing")


def test_final_states_have_no_way_out() -> None:
    assert frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELED}) == FINAL


@pytest.mark.parametrize("wrong", ["attempt", "lease_owner"])
def test_a_run_that_lost_its_lease_writes_nothing(sessions: SessionFactory, wrong: str) -> None:
    job_id = add_job(sessions)
    run = claim(sessions)
    assert run is not None
    values = {"job_id": job_id, "attempt": run.attempt, "lease_owner": run.lease_owner}
    stale = Run(**(values | {wrong: 7 if wrong == "attempt" else "w9"}))

    for act, _ in VERBS.values():
        with pytest.raises(LeaseLostError), sessions.begin() as session:
            act(session, stale)

    assert job(sessions, job_id).status == JobStatus.RUNNING
    assert job(sessions, job_id).lease_owner == "w1"


def test_a_stale_run_that_wakes_up_after_its_job_was_taken_over(sessions: SessionFactory) -> None:
    job_id = add_job(sessions)
    first = claim(sessions, "w1")
    assert first is not None
    expire_lease(sessions, job_id)
    with sessions.begin() as session:
        assert lifecycle.reap(session) == [(job_id, JobStatus.QUEUED)]
    second = claim(sessions, "w2")
    assert second is not None
    assert second.attempt == 2

    with pytest.raises(LeaseLostError), sessions.begin() as session:
        lifecycle.succeed(session, first, {"by": "first"})
    with sessions.begin() as session:
        lifecycle.succeed(session, second, {"by": "second"})

    assert job(sessions, job_id).metrics == {"by": "second"}


def test_priority_first_then_the_owner_who_waited_longest(sessions: SessionFactory) -> None:
    a1 = add_job(sessions, owner="ann")
    a2 = add_job(sessions, owner="ann")
    b1 = add_job(sessions, owner="bob")
    urgent = add_job(sessions, owner="bob", priority=5)

    order = [run.job_id for run in iter(lambda: claim(sessions), None) if run]

    # Bob's urgent job goes first; then ann, who was never served; then bob's turn; then ann again.
    assert order == [urgent, a1, b1, a2]


def test_a_delayed_job_waits(sessions: SessionFactory) -> None:
    add_job(sessions, delay=3600)

    assert claim(sessions) is None


def test_two_workers_racing_get_different_jobs(sessions: SessionFactory) -> None:
    ids = {add_job(sessions) for _ in range(20)}
    runs: list[Run] = []
    barrier = threading.Barrier(4)

    def work(name: str) -> None:
        barrier.wait()
        # A row that another worker holds is skipped, so None may come before all are taken.
        misses = 0
        while misses < 20:
            run = claim(sessions, name)
            if run is None:
                misses += 1
            else:
                runs.append(run)

    threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(runs) == 20
    assert {run.job_id for run in runs} == ids


def test_reaping_leaves_live_leases_alone(sessions: SessionFactory) -> None:
    add_job(sessions)
    assert claim(sessions) is not None

    with sessions.begin() as session:
        assert lifecycle.reap(session) == []


def test_reaping_gives_up_after_the_last_attempt(sessions: SessionFactory) -> None:
    job_id = add_job(sessions, max_attempts=2)
    for expected in (JobStatus.QUEUED, JobStatus.FAILED):
        assert claim(sessions) is not None
        expire_lease(sessions, job_id)
        with sessions.begin() as session:
            assert lifecycle.reap(session) == [(job_id, expected)]

    failed = job(sessions, job_id)
    assert failed.error is not None
    assert failed.error["code"] == "stalled"


def test_reaping_a_job_that_was_to_be_canceled_cancels_it(sessions: SessionFactory) -> None:
    job_id = add_job(sessions)
    assert claim(sessions) is not None
    with sessions.begin() as session:
        lifecycle.cancel(session, job_id)
    expire_lease(sessions, job_id)

    with sessions.begin() as session:
        assert lifecycle.reap(session) == [(job_id, JobStatus.CANCELED)]


def test_heartbeat_prolongs_the_lease_and_tells_of_a_cancel(sessions: SessionFactory) -> None:
    job_id = add_job(sessions)
    run = claim(sessions, lease=1)
    assert run is not None
    before = job(sessions, job_id).lease_expires_at

    with sessions.begin() as session:
        assert lifecycle.heartbeat(session, run, 600) is False
    after = job(sessions, job_id).lease_expires_at
    with sessions.begin() as session:
        lifecycle.cancel(session, job_id)
    with sessions.begin() as session:
        assert lifecycle.heartbeat(session, run, 600) is True

    assert before is not None
    assert after is not None
    assert after - before > timedelta(seconds=500)


def test_a_drained_job_keeps_its_attempts(sessions: SessionFactory) -> None:
    job_id = add_job(sessions)
    run = claim(sessions)
    assert run is not None

    with sessions.begin() as session:
        lifecycle.requeue(session, run, reason="drained", spend_attempt=False)

    assert job(sessions, job_id).attempt == 0
    again = claim(sessions, "w2")
    assert again is not None
    assert again.attempt == 1


def test_every_transition_is_in_the_history(sessions: SessionFactory) -> None:
    job_id = add_job(sessions)
    run = claim(sessions)
    assert run is not None
    with sessions.begin() as session:
        lifecycle.report_progress(session, run, {"stage": "render", "step": 1, "total": 2})
    with sessions.begin() as session:
        lifecycle.succeed(session, run, {})

    with sessions() as session:
        events = session.query(JobEvent).filter_by(job_id=job_id).order_by(JobEvent.seq).all()
        owner = session.get_one(Owner, "ann")

    assert [(event.type, event.data.get("status")) for event in events] == [
        ("state", "running"),
        ("progress", None),
        ("state", "succeeded"),
    ]
    assert owner.last_claimed_at is not None
