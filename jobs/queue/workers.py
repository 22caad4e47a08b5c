"""Worker processes as the database knows them: who is there, and who has which job in hand."""

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

#: A worker that missed so many of its heartbeats is silent: stopped the hard way, frozen, or cut off.
MISSED = 3
#: Silent ones are forgotten after so many seconds.
FORGET_SECONDS = 600.0


@dataclass(frozen=True, kw_only=True)
class WorkerInfo:
    """A worker process at one moment. `job` is what it holds the lease of; of several that it
    renders together, the one that was started first.
    """

    name: str
    state: Literal["busy", "idle", "silent"]
    queues: list[str]
    started_at: datetime | None
    #: Of its own heartbeat; None for one that only its lease tells of.
    seen_at: datetime | None
    job: Job | None


def worker_name(lease_owner: str) -> str:
    """The process behind the holder of a lease: `host:pid` of `host:pid:run`."""
    return lease_owner.rpartition(":")[0] or lease_owner


def register_worker(session: Session, name: str, queues: list[str]) -> None:
    """Say that a worker is there, and forget those that have been silent for long."""
    at = now(session)
    upsert_worker(session, name, " ".join(sorted(queues)), at)
    gone = WorkerProcess.seen_at < at - timedelta(seconds=FORGET_SECONDS)
    session.execute(delete(WorkerProcess).where(gone))


def unregister_worker(session: Session, name: str) -> None:
    """Say that a worker has stopped."""
    session.execute(delete(WorkerProcess).where(WorkerProcess.name == name))


def list_workers(session: Session, heartbeat_seconds: float) -> list[WorkerInfo]:
    """Everyone who is there or holds a lease, by name."""
    running = select(Job).where(Job.status == JobStatus.RUNNING, Job.lease_owner.isnot(None))
    running = running.order_by(Job.started_at.desc(), Job.created_at.desc())
    held = {worker_name(job.lease_owner or ""): job for job in session.scalars(running)}
    known = {row.name: row for row in session.scalars(select(WorkerProcess))}
    late = now(session) - timedelta(seconds=MISSED * heartbeat_seconds)
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
    """Say that a worker is there; when it came stays as it was."""
    values = {"queues": queues, "started_at": at, "seen_at": at}
    statement = insert_for(session)(WorkerProcess).values(name=name, **values)
    seen = {"queues": queues, "seen_at": at}
    session.execute(statement.on_conflict_do_update(index_elements=["name"], set_=seen))
