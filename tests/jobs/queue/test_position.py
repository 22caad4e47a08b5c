from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Select, event, insert, select, update
from sqlalchemy.dialects import sqlite
from sqlalchemy.orm import Session
from support.databases import dispose

from jobs.db.engine import SessionFactory, make_engine, make_sessions, new_id, now, reading
from jobs.db.models.jobs import Job
from jobs.db.upserts import ensure_owner
from jobs.queue import lifecycle, position
from jobs.queue.claiming import CANDIDATES
from jobs.queue.lifecycle import JobStatus
from jobs.queue.pausing import upsert_queue_pause
from jobs.queue.position import (
    OF_OWNER,
    WAITING,
    QueuePosition,
    QueuePositions,
    QueueSnapshot,
    mark_neutral,
)

pytestmark = pytest.mark.dialects


def add(sessions: SessionFactory, owner: str = "ann", priority: int = 0) -> str:
    with sessions.begin() as session:
        at = now(session)
        ensure_owner(session, owner)
        job = Job(
            id=new_id(),
            owner=owner,
            kind="stylize",
            queue="stylize",
            priority=priority,
            status=JobStatus.QUEUED,
            params={},
            max_attempts=3,
            run_at=at,
            created_at=at,
        )
        session.add(job)
        return job.id


def claim(sessions: SessionFactory, holder: str = "w") -> lifecycle.Run | None:
    with sessions.begin() as session:
        return lifecycle.claim(session, "stylize", holder, 60)


def position_of(sessions: SessionFactory, job_id: str) -> QueuePosition:
    with reading(sessions) as session:
        job = session.get_one(Job, job_id)
    return QueueSnapshot(sessions, "stylize").position_of(job)


def run_one(sessions: SessionFactory, seconds: float) -> None:
    add(sessions)
    run = claim(sessions)
    assert run is not None
    with sessions.begin() as session:
        lifecycle.succeed(session, run, {"run_s": seconds})


@pytest.mark.parametrize("seed", range(6))
def test_positions_are_the_order_in_which_jobs_are_claimed(sessions: SessionFactory, seed: int) -> None:
    draw = random.Random(seed)
    owners = ["ann", "bob", "cleo", "dan"]
    for _ in range(draw.randrange(4)):  # some owners have been served before
        add(sessions, draw.choice(owners))
        claim(sessions)
    waiting = [add(sessions, draw.choice(owners), draw.choice([0, 0, 0, 1, 5])) for _ in range(18)]

    said = {job_id: position_of(sessions, job_id).position for job_id in waiting}
    order = [run.job_id for run in iter(lambda: claim(sessions), None) if run]

    assert [said[job_id] for job_id in order] == list(range(18))


def test_the_estimate_is_the_measured_mean_over_the_workers_at_work(sessions: SessionFactory) -> None:
    waiting = [add(sessions) for _ in range(2)]
    assert position_of(sessions, waiting[0]).eta_s is None  # nothing was measured yet
    for run in (claim(sessions), claim(sessions)):
        assert run is not None
        with sessions.begin() as session:
            lifecycle.succeed(session, run, {"run_s": 3.0 if run.job_id == waiting[0] else 5.0})
    jobs = [add(sessions) for _ in range(6)]
    claim(sessions)
    claim(sessions, "another")  # two workers at work, four jobs wait

    assert position_of(sessions, jobs[2]).eta_s == pytest.approx(0.5 * 4.0 / 2)
    assert position_of(sessions, jobs[5]).eta_s == pytest.approx(3.5 * 4.0 / 2)


def test_jobs_that_are_rendered_together_keep_one_worker(sessions: SessionFactory) -> None:
    for _ in range(4):
        add(sessions)
    passing = [claim(sessions) for _ in range(4)]
    for run in passing:
        assert run is not None
        with sessions.begin() as session:
            lifecycle.succeed(session, run, {"run_s": 8.0, "rendered_together": 4})
    for _ in range(4):
        add(sessions)
        claim(sessions)  # by one holder: the next pass
    waits = add(sessions)
    assert position_of(sessions, waits) == QueuePosition(position=0, eta_s=1.0)


def test_a_worker_whose_lease_ran_out_is_not_at_work(sessions: SessionFactory) -> None:
    run_one(sessions, 2.0)
    jobs = [add(sessions) for _ in range(4)]
    claim(sessions)
    claim(sessions)
    with sessions.begin() as session:
        past = now(session) - timedelta(hours=1)
        session.execute(update(Job).where(Job.id == jobs[1]).values(lease_expires_at=past))

    assert position_of(sessions, jobs[3]).eta_s == pytest.approx(1.5 * 2.0)


def test_a_job_that_waits_for_its_next_attempt_says_so(sessions: SessionFactory) -> None:
    run_one(sessions, 1.0)
    job_id = add(sessions)
    with sessions.begin() as session:
        later = now(session) + timedelta(seconds=100)
        session.execute(update(Job).where(Job.id == job_id).values(run_at=later))

    seen = position_of(sessions, job_id)

    assert seen.position == 0
    assert seen.eta_s is not None
    assert 90 < seen.eta_s <= 100


def test_nobody_knows_when_a_paused_queue_goes_on(sessions: SessionFactory) -> None:
    run_one(sessions, 1.0)
    job_id = add(sessions)
    with sessions.begin() as session:
        upsert_queue_pause(session, "stylize", now(session))

    assert position_of(sessions, job_id) == QueuePosition(position=0, eta_s=None, paused=True)


@pytest.mark.parametrize("statement", [WAITING, OF_OWNER, CANDIDATES])
def test_a_deep_queue_is_counted_in_its_index_alone(
    migrated_sqlite_url: str, statement: Select[Any]
) -> None:
    engine = make_engine(migrated_sqlite_url)
    sql = str(statement.compile(dialect=sqlite.dialect()))
    with engine.connect() as connection:
        values = ("",) * sql.count("?")
        plan = str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values).all())
    dispose(engine)
    assert "SEARCH jobs USING COVERING INDEX ix_jobs_queued (queue=?" in plan


@pytest.fixture
def counted(migrated_sqlite_url: str) -> Iterator[tuple[SessionFactory, QueuePositions, list[int]]]:
    """Sessions, shared positions, and the number of steps of SQLite's virtual machine, in tens."""
    engine = make_engine(migrated_sqlite_url)
    steps = [0]

    def step() -> int:
        steps[0] += 1
        return 0

    @event.listens_for(engine, "checkout")
    def count(connection: Any, *_: object) -> None:
        connection.set_progress_handler(step, 10)

    sessions = make_sessions(engine)
    yield sessions, QueuePositions(engine, sessions), steps
    dispose(engine)


@pytest.fixture
def lasting(counted: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[SessionFactory, QueuePositions]:
    """Sessions, and positions whose snapshots serve until they are dropped."""
    monkeypatch.setattr("jobs.queue.position.SNAPSHOT_SECONDS", 3600)
    sessions, positions, _ = counted
    return sessions, positions


def add_many(sessions: SessionFactory, owners: int, each: int) -> None:
    with sessions.begin() as session:
        at = now(session)
        rows = []
        for number in range(owners * each):
            owner = f"o{number % owners}"
            if number < owners:
                ensure_owner(session, owner)
            common = {"kind": "stylize", "queue": "stylize", "priority": number % 3, "params": {}}
            times = {"run_at": at, "created_at": at + timedelta(microseconds=number)}
            state = {"status": JobStatus.QUEUED, "max_attempts": 3}
            rows.append({"id": new_id(), "owner": owner, **common, **times, **state})
        session.execute(insert(Job), rows)


def test_a_claim_costs_the_same_in_a_deep_queue(counted: Any) -> None:
    sessions, _, steps = counted
    costs = []
    for each in (3, 60):
        add_many(sessions, 20, each)
        claim(sessions)
        steps[0] = 0
        assert claim(sessions) is not None
        costs.append(steps[0])
    assert costs[1] < 1.3 * costs[0]


def test_polls_share_one_look_at_the_queue(counted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sessions, positions, steps = counted
    monkeypatch.setattr("jobs.queue.position.SNAPSHOT_SECONDS", 3600)
    add_many(sessions, 5, 30)
    with reading(sessions) as session:
        jobs = list(session.scalars(select(Job).order_by(Job.created_at).limit(20)))
    first = positions.of(jobs)
    assert len({each.position for each in first if each}) == len(jobs)

    steps[0] = 0
    assert positions.of(jobs) == first
    assert steps[0] == 0


def test_a_change_of_this_process_is_in_the_next_position(lasting: Any) -> None:
    sessions, positions = lasting
    ids = [add(sessions) for _ in range(3)]

    def seen() -> list[int | None]:
        with reading(sessions) as session:
            found = positions.of([session.get_one(Job, job_id) for job_id in ids])
        return [None if each is None else each.position for each in found]

    assert seen() == [0, 1, 2]
    claim(sessions)
    assert seen() == [None, 0, 1]
    ids.append(add(sessions))
    assert seen() == [None, 0, 1, 2]


def add_in(positions: QueuePositions, sessions: SessionFactory, owner: str = "ann") -> str:
    """Add a job as a submit does."""
    job = commit_job(sessions, owner)
    positions.add([job])
    return job.id


def commit_job(sessions: SessionFactory, owner: str = "ann") -> Job:
    """The transaction of a submit."""
    with sessions.begin() as session:
        mark_neutral(session)
        at = now(session)
        ensure_owner(session, owner)
        job = Job(
            **{"id": new_id(), "owner": owner, "kind": "stylize", "queue": "stylize"},
            **{"status": JobStatus.QUEUED, "params": {}, "max_attempts": 3},
            **{"run_at": at, "created_at": at},
        )
        session.add(job)
    return job


def read_positions(
    positions: QueuePositions, sessions: SessionFactory, ids: list[str]
) -> list[int | None]:
    with reading(sessions) as session:
        found = positions.of([session.get_one(Job, job_id) for job_id in ids])
    return [None if each is None else each.position for each in found]


def test_new_jobs_are_added_to_the_snapshot(lasting: Any) -> None:
    sessions, positions = lasting
    ids = [add_in(positions, sessions, owner) for owner in ("ann", "bob")]
    assert read_positions(positions, sessions, ids) == [0, 1]
    snapshot = positions._snapshots["stylize"]

    ids += [add_in(positions, sessions, owner) for owner in ("ann", "ann", "bob")]

    expected = exact_positions(sessions, ids)
    assert read_positions(positions, sessions, ids) == expected
    assert set(expected) == {0, 1, 2, 3, 4}
    assert positions._snapshots["stylize"] is snapshot


def test_a_job_of_a_new_owner_is_read_anew(lasting: Any) -> None:
    sessions, positions = lasting
    first = add_in(positions, sessions)
    assert read_positions(positions, sessions, [first]) == [0]
    second = add_in(positions, sessions, "bob")
    assert read_positions(positions, sessions, [first, second]) == [0, 1]


def test_a_job_that_the_snapshot_has_already_is_counted_once(lasting: Any) -> None:
    sessions, positions = lasting
    ids = [add_in(positions, sessions, owner) for owner in ("ann", "bob")]
    committed = commit_job(sessions)
    assert read_positions(positions, sessions, ids) == [0, 1]  # reads the committed job too
    snapshot = positions._snapshots["stylize"]

    positions.add([committed])
    ids += [committed.id, add_in(positions, sessions), add_in(positions, sessions, "bob")]

    assert read_positions(positions, sessions, ids) == exact_positions(sessions, ids)
    assert positions._snapshots["stylize"] is snapshot


def test_jobs_that_are_added_while_a_snapshot_is_read_are_in_it(
    lasting: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise no snapshot would ever be kept while several clients submit at once."""
    sessions, positions = lasting
    ids = [add_in(positions, sessions, owner) for owner in ("ann", "bob")]
    before = commit_job(sessions, "bob")
    measure = position.mean_run_seconds

    def submit_meanwhile(session: Session, queue: str) -> float | None:
        """The last thing that a snapshot reads, after the queued jobs."""
        positions.add([before])
        ids.extend([before.id, add_in(positions, sessions)])
        return measure(session, queue)

    monkeypatch.setattr(position, "mean_run_seconds", submit_meanwhile)
    first = read_positions(positions, sessions, ids[:2])
    monkeypatch.setattr(position, "mean_run_seconds", measure)
    snapshot = positions._snapshots["stylize"]
    ids.append(add_in(positions, sessions, "bob"))

    assert first == [0, 1]
    assert read_positions(positions, sessions, ids) == exact_positions(sessions, ids)
    assert positions._snapshots["stylize"] is snapshot


def test_positions_stay_exact_while_many_submit_at_once(lasting: Any) -> None:
    sessions, positions = lasting
    owners = ["ann", "bob", "cleo"]
    ids = [add_in(positions, sessions, owner) for owner in owners]

    def submit(number: int) -> str:
        job_id = add_in(positions, sessions, owners[number % 3])
        read_positions(positions, sessions, [job_id])
        return job_id

    with ThreadPoolExecutor(6) as threads:
        ids += threads.map(submit, range(30))

    assert read_positions(positions, sessions, ids) == exact_positions(sessions, ids)


def exact_positions(sessions: SessionFactory, ids: list[str]) -> list[int | None]:
    """The positions as a new snapshot has them."""
    exact = QueueSnapshot(sessions, "stylize")
    with reading(sessions) as session:
        return [exact.position_of(session.get_one(Job, job_id)).position for job_id in ids]
