"""Random histories of a queue, checked against a model of it after every step.

A step is what a client, a worker, a maintenance process or an operator may do, at any moment, also with
a run that lost its job long ago. Time stands still but for what a step moves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import pairwise
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session
from support.queue_model import MAX_ATTEMPTS, MAX_RUNNING, Known, QueueModel

from jobs.blobs.rows import upsert_blob
from jobs.db.engine import SessionFactory, new_id
from jobs.db.models.blobs import Blob
from jobs.db.models.jobs import Job, JobEvent, JobFile, QueueState
from jobs.db.models.operations import OutboxMessage
from jobs.db.models.owners import Owner
from jobs.db.upserts import ensure_owner
from jobs.errors import LeaseLostError
from jobs.media.pictures import PictureInfo
from jobs.queue import lifecycle
from jobs.queue.lifecycle import FINAL, TRANSITIONS, JobStatus, Run
from jobs.queue.pausing import upsert_queue_pause

LEASE = 60.0
ENDS = ["succeed", "fail", "dead", "cancel"]
OUTPUT = PictureInfo(media_type="image/png", width=1, height=1)


class QueueMachine(QueueModel, RuleBasedStateMachine):
    """Steps and invariants. `sessions` and `set_clock` come from the test."""

    sessions: SessionFactory
    set_clock: Callable[[float], None]

    runs: Bundle[Run] = Bundle("runs")

    def __init__(self) -> None:
        QueueModel.__init__(self)
        RuleBasedStateMachine.__init__(self)

    @initialize()
    def empty(self) -> None:
        self.set_clock(0.0)
        with self.sessions.begin() as session:
            for model in (OutboxMessage, JobEvent, JobFile, Job, QueueState, Owner, Blob):
                session.execute(delete(model))

    # -- steps --------------------------------------------------------------------------------------

    # Few jobs, so that much happens to each.
    @precondition(lambda self: len(self.jobs) < 6)
    @rule(
        owner=st.sampled_from(["ann", "ann", "bob"]),
        priority=st.sampled_from([0, 0, 3]),
        cancel_after=st.sampled_from([None, 30.0]),
    )
    def submit(self, owner: str, priority: int, cancel_after: float | None) -> None:
        self._add(owner, priority, cancel_after)

    def _add(self, owner: str, priority: int, cancel_after: float | None) -> str:
        self._tick()
        with self.sessions.begin() as session:
            at = lifecycle.now(session)
            ensure_owner(session, owner)
            job = Job(
                id=new_id(),
                owner=owner,
                kind="stylize",
                queue="stylize",
                priority=priority,
                status=JobStatus.QUEUED,
                params={},
                max_attempts=MAX_ATTEMPTS,
                run_at=at,
                created_at=at,
                cancel_at=None if cancel_after is None else at + timedelta(seconds=cancel_after),
            )
            session.add(job)
            session.flush()
            lifecycle.record_event(session, job.id, "state", at, status=JobStatus.QUEUED)
        until = None if cancel_after is None else self.time + cancel_after
        self.jobs[job.id] = Known(
            owner, priority, len(self.jobs), eligible_at=self.time, cancel_at=until
        )
        return job.id

    @rule(how=st.sampled_from(ENDS))
    def work(self, how: str) -> None:
        """Claim and end, without anything between."""
        run = self.claim_one()
        if run is not None:
            self._end(run, how)

    @rule(target=runs)
    def claim(self) -> Any:
        return self.claim_one() or multiple()

    def claim_one(self) -> Run | None:
        """Claim, and compare with the job that a claim has to take."""
        self._tick()
        self.claims += 1
        expected = self.best()
        with self.sessions.begin() as session:
            run = lifecycle.claim(session, "stylize", f"w{self.claims}", LEASE, max_running=MAX_RUNNING)
        assert (run.job_id if run else None) == expected
        if run is None:
            return None
        job = self.jobs[run.job_id]
        job.status, job.holder = JobStatus.RUNNING, run.lease_owner
        job.attempt += 1
        job.lease_until = self.time + LEASE
        self.last_claimed[job.owner] = self.time
        assert run.attempt == job.attempt
        return run

    @rule(run=runs, step=st.sampled_from([None, 1, 2]))
    def heartbeat_or_progress(self, run: Run, step: int | None) -> None:
        with self._fenced(run) as (session, job):
            if step is not None:
                progress = {"stage": "render", "step": step, "total": 4}
                lifecycle.report_progress(session, run, progress)
                return
            canceling = lifecycle.heartbeat(session, run, LEASE)
            if job:
                assert canceling == job.canceling
                job.lease_until = self.time + LEASE

    @rule(run=runs, how=st.sampled_from(ENDS))
    def end(self, run: Run, how: str) -> None:
        self._end(run, how)

    def _end(self, run: Run, how: str) -> None:
        with self._fenced(run) as (session, job):
            if how == "succeed":
                self._succeed(session, run)
                status = JobStatus.SUCCEEDED
            elif how == "cancel":
                lifecycle.finish_canceled(session, run)
                status = JobStatus.CANCELED
            else:
                lifecycle.fail(session, run, {"code": "x", "retryable": how == "dead"})
                status = JobStatus.FAILED
            if job:
                self.ended(job, status, run)

    def _succeed(self, session: Session, run: Run) -> None:
        lifecycle.succeed(session, run, {"run_s": 1.0}, network_version="n")
        # As a worker does it: the output in the transaction that ends the job.
        sha256 = f"{self.claims:064d}"
        upsert_blob(session, sha256, 1, OUTPUT, lifecycle.now(session))
        session.add(JobFile(job_id=run.job_id, direction="output", role="image", sha256=sha256))

    @rule(run=runs, delay=st.sampled_from([0.0, 20.0]), drained=st.booleans())
    def requeue(self, run: Run, delay: float, drained: bool) -> None:
        if run.attempt >= MAX_ATTEMPTS and not drained:
            return  # a worker fails the job instead
        with self._fenced(run) as (session, job):
            after = lifecycle.requeue(
                session, run, reason="x", delay_seconds=delay, spend_attempt=not drained
            )
            if job and job.canceling:
                assert after is JobStatus.CANCELED
                self.ended(job, JobStatus.CANCELED, run)
            elif job:
                assert after is JobStatus.QUEUED
                job.status, job.holder = JobStatus.QUEUED, None
                job.eligible_at = self.time + delay
                job.attempt -= drained

    @precondition(lambda self: self.jobs)
    @rule(number=st.integers(0, 5))
    def cancel(self, number: int) -> None:
        job_id = list(self.jobs)[number % len(self.jobs)]
        with self.sessions.begin() as session:
            after = lifecycle.cancel(session, job_id)
        self.canceled(self.jobs[job_id])
        assert after is self.jobs[job_id].status

    @rule(seconds=st.sampled_from([0.0, 25.0, 100.0]), maintain=st.booleans())
    def time_goes_by(self, seconds: float, maintain: bool) -> None:
        self.time += seconds
        self.set_clock(self.time)
        if maintain:
            self._reap()
            self._cancel_overdue()

    def _reap(self) -> None:
        stalled = {
            job_id: job
            for job_id, job in self.jobs.items()
            if job.status is JobStatus.RUNNING and job.lease_until < self.time
        }
        with self.sessions.begin() as session:
            reaped = dict(lifecycle.reap(session))
        assert set(reaped) == set(stalled)
        for job_id, job in stalled.items():
            if job.canceling:
                self.ended(job, JobStatus.CANCELED, None)
            elif job.attempt >= MAX_ATTEMPTS:
                self.ended(job, JobStatus.FAILED, None)
            else:
                job.status, job.holder, job.eligible_at = JobStatus.QUEUED, None, self.time
            assert reaped[job_id] is job.status

    def _cancel_overdue(self) -> None:
        overdue = {
            job_id
            for job_id, job in self.jobs.items()
            if job.cancel_at is not None
            and job.cancel_at <= self.time
            and job.status not in FINAL
            and not job.canceling
        }
        with self.sessions.begin() as session:
            found = lifecycle.cancel_overdue(session)
        assert {job_id for job_id, _ in found} == overdue
        for job_id in overdue:
            self.canceled(self.jobs[job_id])

    @precondition(lambda self: any(job.status in FINAL for job in self.jobs.values()))
    @rule(number=st.integers(0, 5))
    def retry(self, number: int) -> None:
        """A retry is a new job; the one before stays as it ended, which an invariant sees to."""
        ended = [job_id for job_id, job in self.jobs.items() if job.status in FINAL]
        before = ended[number % len(ended)]
        job_id = self._add(self.jobs[before].owner, self.jobs[before].priority, None)
        with self.sessions.begin() as session:
            session.execute(update(Job).where(Job.id == job_id).values(retried_from=before))

    @rule(paused=st.sampled_from([False, False, False, True]))
    def pause(self, paused: bool) -> None:
        with self.sessions.begin() as session:
            upsert_queue_pause(session, "stylize", lifecycle.now(session) if paused else None)
        self.paused = paused

    # -- what the steps share -----------------------------------------------------------------------

    def _tick(self) -> None:
        self.time += 0.001
        self.set_clock(self.time)

    @contextmanager
    def _fenced(self, run: Run) -> Iterator[Any]:
        """A transaction of a run's, and its job, or None and a refusal if the run lost it."""
        job = self.jobs[run.job_id]
        holds = (
            job.status is JobStatus.RUNNING
            and job.holder == run.lease_owner
            and job.attempt == run.attempt
        )
        if holds:
            with self.sessions.begin() as session:
                yield session, job
            return
        with pytest.raises(LeaseLostError), self.sessions.begin() as session:
            yield session, None

    # -- invariants ---------------------------------------------------------------------------------

    @invariant()
    def the_rows_are_as_the_model_says(self) -> None:
        with self.sessions() as session:
            rows = {row.id: row for row in session.scalars(select(Job))}
            assert set(rows) == set(self.jobs)
            for job_id, job in self.jobs.items():
                self.check(rows[job_id], job)

    @invariant()
    def no_owner_has_more_running_than_allowed(self) -> None:
        running = [job.owner for job in self.jobs.values() if job.status is JobStatus.RUNNING]
        assert all(running.count(owner) <= MAX_RUNNING for owner in running)

    def teardown(self) -> None:
        """Every history is one that the transitions allow."""
        with self.sessions() as session:
            events = session.scalars(select(JobEvent).order_by(JobEvent.seq)).all()
        histories: dict[str, list[JobStatus]] = {}
        for event in events:
            if event.type == "state":
                histories.setdefault(event.job_id, []).append(JobStatus(event.data["status"]))
        for job_id, history in histories.items():
            assert history[0] is JobStatus.QUEUED
            assert history[-1] is self.jobs[job_id].status
            for before, after in pairwise(history):
                assert after in TRANSITIONS[before]
