"""What the queue should be, kept in memory and simple enough to believe."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from jobs.db.models.jobs import Job
from jobs.queue.lifecycle import FINAL, JobStatus, Run

MAX_ATTEMPTS = 2
MAX_RUNNING = 2


@dataclass
class Known:
    """What the model knows of a job."""

    owner: str
    priority: int
    number: int
    status: JobStatus = JobStatus.QUEUED
    attempt: int = 0
    holder: str | None = None
    canceling: bool = False
    eligible_at: float = 0.0
    cancel_at: float | None = None
    lease_until: float = 0.0
    frozen: str | None = None
    runs_that_ended_it: list[str] = field(default_factory=list)


class QueueModel:
    """Jobs by id, in the order in which they came, and what decides which is next."""

    def __init__(self) -> None:
        self.jobs: dict[str, Known] = {}
        self.time = 0.0
        self.paused = False
        self.last_claimed: dict[str, float] = {}
        self.claims = 0

    def best(self) -> str | None:
        """The job that a claim has to take."""
        if self.paused:
            return None
        running = [job.owner for job in self.jobs.values() if job.status is JobStatus.RUNNING]
        ready = {
            job_id: job
            for job_id, job in self.jobs.items()
            if job.status is JobStatus.QUEUED
            and job.eligible_at <= self.time
            and (job.cancel_at is None or job.cancel_at > self.time)
            and running.count(job.owner) < MAX_RUNNING
        }
        return min(
            ready,
            key=lambda id_: (
                -ready[id_].priority,
                self.last_claimed.get(ready[id_].owner, -1.0),
                ready[id_].number,
            ),
            default=None,
        )

    def ended(self, job: Known, status: JobStatus, run: Run | None) -> None:
        job.status, job.holder = status, None
        job.runs_that_ended_it.append(run.lease_owner if run else "reaper")

    def canceled(self, job: Known) -> None:
        if job.status is JobStatus.QUEUED:
            job.status = JobStatus.CANCELED
        elif job.status is JobStatus.RUNNING:
            job.canceling = True

    def check(self, row: Job, job: Known) -> None:
        assert (row.status, row.attempt, row.lease_owner) == (job.status, job.attempt, job.holder)
        assert 0 <= row.attempt <= row.max_attempts
        assert (row.lease_expires_at is not None) == (row.status == JobStatus.RUNNING)
        assert (row.finished_at is not None) == (row.status in FINAL)
        assert len(row.outputs) == (row.status == JobStatus.SUCCEEDED)
        assert len(job.runs_that_ended_it) <= 1
        if row.status == JobStatus.QUEUED:
            assert row.cancel_requested_at is None
        if row.dead:
            assert row.status == JobStatus.FAILED
        if row.status in FINAL:
            now = json.dumps({c.name: str(getattr(row, c.name)) for c in Job.__table__.columns})
            assert job.frozen in {None, now}, "a job that had ended has changed"
            job.frozen = now
