"""State machine of a job. Each transition is one guarded UPDATE; if no row matches, it is refused.

    queued ──► running ──► succeeded | failed | canceled
       │          └──────► queued     (retry, stalled, drained)
       └─────────────────► canceled

A run is identified by its job, attempt and lease owner. Every write of a run is fenced by the three, so
that a run that lost its lease changes nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, Row, bindparam, insert, select, update
from sqlalchemy.orm import Session

from jobs.db import counters
from jobs.db.engine import now, table
from jobs.db.models.jobs import Job, JobEvent
from jobs.errors import ConflictError, LeaseLostError
from jobs.queue.changes import note_change
from jobs.queue.claiming import select_next_job
from jobs.queue.runs import CLAIM_JOB, EXTEND_LEASE, MARK_OWNER_SERVED, UPDATE_FENCED, Run
from jobs.queue.status import FINAL, TRANSITIONS, CancelReason, JobStatus
from jobs.webhooks import delivery

__all__ = [
    "FINAL",
    "TRANSITIONS",
    "CancelReason",
    "JobStatus",
    "Run",
    "cancel",
    "cancel_overdue",
    "claim",
    "fail",
    "fenced_update",
    "finish_canceled",
    "heartbeat",
    "reap",
    "record_event",
    "report_progress",
    "requeue",
    "succeed",
]


_INSERT_EVENT = insert(table(JobEvent))
_TOLD = select(Job.kind, Job.webhook_events).where(Job.id == bindparam("id"))


def record_event(
    session: Session,
    job_id: str,
    type_: str,
    at: datetime,
    *,
    job: Row[Any] | None = None,
    **data: Any,
) -> None:
    """Add an event to the job's history. A new state is counted, and queued for the job's webhook.

    `job` has the columns `kind` and `webhook_events`, if the caller knows them.
    """
    values = {"job_id": job_id, "type": type_, "data": data, "created_at": at}
    session.execute(_INSERT_EVENT, values)
    note_change(session, job_id)
    if type_ != "state" or data["status"] == JobStatus.QUEUED:
        return
    told: Any = job or session.execute(_TOLD, {"id": job_id}).one()
    delivery.enqueue(session, job_id, told.webhook_events, data["status"], at)
    if data["status"] in FINAL:
        counters.bump(session, counters.FINISHED, kind=told.kind, status=data["status"])


def claim(
    session: Session,
    queue: str,
    lease_owner: str,
    lease_seconds: float,
    *,
    max_running: int = 0,
    only: str | None = None,
) -> Run | None:
    """`queued → running`: claim the next eligible job of `queue` (see `jobs.queue.claiming`).

    Returns None if no job is eligible, the queue is paused, or every owner with queued jobs has
    `max_running` running jobs (0: no limit). With `only`, that job is claimed or none.
    """
    at = now(session)
    selected = select_next_job(session, queue, at, max_running=max_running, only=only)
    if selected is None:
        return None
    job_id, owner = selected
    values = {
        "claimed": job_id,
        "holder": lease_owner,
        "at": at,
        "until": at + timedelta(seconds=lease_seconds),
    }
    job = session.execute(CLAIM_JOB, values).one_or_none()
    if job is None:
        return None
    session.execute(MARK_OWNER_SERVED, {"owner": owner, "at": at})
    record_event(session, job_id, "state", at, job=job, status=JobStatus.RUNNING, attempt=job.attempt)
    return Run(job_id=job_id, attempt=job.attempt, lease_owner=lease_owner)


def heartbeat(session: Session, run: Run, lease_seconds: float) -> bool:
    """Prolong the lease. Returns whether a cancel was requested. Raises `LeaseLostError`."""
    at = now(session)
    until = {"until": at + timedelta(seconds=lease_seconds)}
    row = session.execute(EXTEND_LEASE, run.fence_values() | until).one_or_none()
    if row is None:
        raise LeaseLostError
    return row.cancel_requested_at is not None


def report_progress(session: Session, run: Run, progress: dict[str, Any]) -> None:
    """Store the progress of a run. Raises `LeaseLostError`."""
    fenced_update(session, run, progress=progress)
    record_event(session, run.job_id, "progress", now(session), progress=progress)


def succeed(
    session: Session,
    run: Run,
    metrics: dict[str, Any],
    *,
    network_version: str | None = None,
    at: datetime | None = None,
) -> None:
    """`running → succeeded`, at the time `at` if it is known. Raises `LeaseLostError`.

    `network_version` names the weights that made the output; without it, the output is never a cached
    result.
    """
    _finish(session, run, JobStatus.SUCCEEDED, at=at, metrics=metrics, network_version=network_version)


def fail(session: Session, run: Run, error: dict[str, Any]) -> None:
    """`running → failed`. Raises `LeaseLostError`.

    A job whose error is retryable, but which has no attempt left, is a dead letter.
    """
    _finish(session, run, JobStatus.FAILED, error=error, dead=bool(error.get("retryable")))


def finish_canceled(session: Session, run: Run) -> None:
    """`running → canceled`, written by the run. Raises `LeaseLostError`."""
    reason = session.scalar(select(Job.cancel_reason).where(Job.id == run.job_id))
    _finish(session, run, JobStatus.CANCELED, reason=reason)


def requeue(
    session: Session,
    run: Run,
    *,
    reason: str,
    delay_seconds: float = 0,
    spend_attempt: bool = True,
    error: dict[str, Any] | None = None,
) -> JobStatus:
    """`running → queued`, after a retryable error or because the worker drains.

    If a cancel was requested, the job is canceled instead. Returns the new status. Raises
    `LeaseLostError`.
    """
    at = now(session)
    cancel_requested = select(Job.cancel_requested_at).where(run.fence()).with_for_update()
    if session.scalar(cancel_requested) is not None:
        finish_canceled(session, run)
        return JobStatus.CANCELED
    fenced_update(
        session,
        run,
        status=JobStatus.QUEUED,
        attempt=run.attempt if spend_attempt else run.attempt - 1,
        run_at=at + timedelta(seconds=delay_seconds),
        error=error,
        **_RELEASED,
    )
    record_event(session, run.job_id, "state", at, status=JobStatus.QUEUED, reason=reason)
    return JobStatus.QUEUED


def cancel(session: Session, job_id: str, reason: CancelReason = CancelReason.REQUESTED) -> JobStatus:
    """Request that a job stops: a queued job ends at once, a running job at its next heartbeat.

    Returns the new status; an ended job is unchanged. Raises `ConflictError` if there is no such job.
    """
    at = now(session)
    # Locked: a job that goes back to the queue between the two updates would be missed by both.
    before = session.scalar(select(Job.status).where(Job.id == job_id).with_for_update())
    if before is None:
        raise ConflictError("There is no such job to cancel.")
    request = {"cancel_requested_at": at, "cancel_reason": reason, "version": Job.version + 1}
    if before == JobStatus.QUEUED:
        ended = {"status": JobStatus.CANCELED, "finished_at": at}
        session.execute(update(Job).where(Job.id == job_id).values(**ended, **request))
        record_event(session, job_id, "state", at, status=JobStatus.CANCELED, reason=reason)
        return JobStatus.CANCELED
    requested = session.execute(
        update(Job)
        .where(Job.id == job_id, Job.status == JobStatus.RUNNING, Job.cancel_requested_at.is_(None))
        .values(**request)
    )
    if _count(requested):
        record_event(session, job_id, "cancel", at, reason=reason)
    return JobStatus(before)


def cancel_overdue(session: Session, limit: int = 100) -> list[tuple[str, JobStatus]]:
    """Cancel jobs whose `cancel_at` has passed; returns `(job id, status)` of each."""
    overdue = session.scalars(
        select(Job.id)
        .where(
            Job.cancel_at <= now(session),
            Job.status.in_([JobStatus.QUEUED, JobStatus.RUNNING]),
            Job.cancel_requested_at.is_(None),
        )
        .order_by(Job.cancel_at)
        .limit(limit)
        .with_for_update(of=Job, skip_locked=True)
    ).all()
    return [(job_id, cancel(session, job_id, CancelReason.DEADLINE)) for job_id in overdue]


def reap(session: Session, limit: int = 100) -> list[tuple[str, JobStatus]]:
    """Take back jobs whose lease has expired: queued again, or failed after the last attempt.

    Returns `(job id, new status)` of each.
    """
    at = now(session)
    stalled = session.scalars(
        select(Job)
        .where(Job.status == JobStatus.RUNNING, Job.lease_expires_at < at)
        .order_by(Job.lease_expires_at)
        .limit(limit)
        .with_for_update(of=Job, skip_locked=True)
    ).all()
    reaped: list[tuple[str, JobStatus]] = []
    for job in stalled:
        assert job.lease_owner is not None  # noqa: S101 - every running job has a lease owner
        run = Run(job_id=job.id, attempt=job.attempt, lease_owner=job.lease_owner)
        if job.cancel_requested_at is not None:
            finish_canceled(session, run)
            reaped.append((job.id, JobStatus.CANCELED))
        elif job.attempts_left <= 0:
            detail = f"The worker stopped responding {job.attempt} times; the job was given up."
            fail(session, run, {"code": "stalled", "detail": detail, "retryable": True})
            reaped.append((job.id, JobStatus.FAILED))
        else:
            requeue(session, run, reason="stalled")
            reaped.append((job.id, JobStatus.QUEUED))
    if reaped:
        counters.bump(session, counters.LEASES_EXPIRED, len(reaped))
    return reaped


_RELEASED: dict[str, Any] = {"lease_owner": None, "lease_expires_at": None, "progress": None}


def _finish(
    session: Session,
    run: Run,
    status: JobStatus,
    *,
    reason: str | None = None,
    at: datetime | None = None,
    **values: Any,
) -> None:
    at = at or now(session)
    released = {"lease_owner": None, "lease_expires_at": None}
    job = fenced_update(session, run, status=status, finished_at=at, **released, **values)
    details = {"reason": reason} if reason else {}
    record_event(session, run.job_id, "state", at, job=job, status=status, **details)


def fenced_update(session: Session, run: Run, **values: Any) -> Row[Any]:
    """Update the job's row if the run still holds the lease; returns its kind and webhook events.

    Raises `LeaseLostError`.
    """
    job: Row[Any] | None = session.execute(
        UPDATE_FENCED.values(**values), run.fence_values()
    ).one_or_none()
    if job is None:
        raise LeaseLostError
    return job


def _count(result: Any) -> int:
    return cast("CursorResult[Any]", result).rowcount
