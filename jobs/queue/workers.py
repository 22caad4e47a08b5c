"""Registry of worker processes: heartbeats, and the job that each process runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from jobs.db.engine import now
from jobs.db.models.jobs import Job
from jobs.db.models.operations import WorkerProcess
from jobs.db.upserts import insert_for
from jobs.queue.status import JobStatus

#: A worker that missed so many heartbeats is silent: killed, frozen, or without a network.
MAX_MISSED_HEARTBEATS = 3
#: The row of a silent worker is deleted after so many seconds.
FORGET_SECONDS = 600.0


@dataclass(frozen=True, kw_only=True)
class WorkerInfo:
    """The state of a worker process.

    `job` is the job whose lease it holds; of a batch, the job that was started first.
    """

    name: str
    state: Literal["busy", "idle", "silent"]
    queues: list[str]
    started_at: datetime | None
    #: Time of its last heartbeat; None if the process is known only by a lease.
    seen_at: datetime | None
    job: Job | None


def worker_name(lease_owner: str) -> str:
    """The worker process of a lease owner: `host:pid` of `host:pid:run`."""
    return lease_owner.rpartition(":")[0] or lease_owner


def register_worker(session: Session, name: str, queues: list[str]) -> None:
    """Write the heartbeat of a worker, and delete workers that have been silent for long."""
    at = now(session)
    upsert_worker(session, name, " ".join(sorted(queues)), at)
    forgotten = WorkerProcess.seen_at < at - timedelta(seconds=FORGET_SECONDS)
    session.execute(delete(WorkerProcess).where(forgotten))


def unregister_worker(session: Session, name: str) -> None:
    """Delete the row of a worker that stops."""
    session.execute(delete(WorkerProcess).where(WorkerProcess.name == name))


def list_workers(session: Session, heartbeat_seconds: float) -> list[WorkerInfo]:
    """Worker processes with a heartbeat or a lease, by name."""
    running = select(Job).where(Job.status == JobStatus.RUNNING, Job.lease_owner.isnot(None))
    running = running.order_by(Job.started_at.desc(), Job.created_at.desc())
    held = {worker_name(job.lease_owner or ""): job for job in session.scalars(running)}
    known = {row.name: row for row in session.scalars(select(WorkerProcess))}
    late = now(session) - timedelta(seconds=MAX_MISSED_HEARTBEATS * heartbeat_seconds)
    return [_view(name, known.get(name), held.get(name), late) for name in sorted({*held, *known})]


def _view(name: str, row: WorkerProcess | None, job: Job | None, late: datetime) -> WorkerInfo:
    silent = row is not None and row.seen_at < late
    return WorkerInfo(
        name=name,
        state="silent" if silent else "idle" if job is None else "busy",
        queues=row.queues.split() if row is not None else [job.queue] if job is not None else [],
        started_at=None if row is None else row.started_at,
        seen_at=None if row is None else row.seen_at,
        job=job,
    )


def upsert_worker(session: Session, name: str, queues: str, at: datetime) -> None:
    """Insert or update a worker's row; its `started_at` stays."""
    values = {"queues": queues, "started_at": at, "seen_at": at}
    statement = insert_for(session)(WorkerProcess).values(name=name, **values)
    seen = {"queues": queues, "seen_at": at}
    session.execute(statement.on_conflict_do_update(index_elements=["name"], set_=seen))
