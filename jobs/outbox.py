"""The outbox: tokens are written with the job, published after commit, and deleted once sent."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from jobs.db import SessionFactory, now
from jobs.lifecycle import JobStatus
from jobs.models import Job, OutboxMessage
from jobs.queue import JobQueue


def enqueue(session: Session, job_id: str, queue: str) -> None:
    """Add a token for `job_id`, in the transaction that made the job eligible."""
    session.add(OutboxMessage(job_id=job_id, queue=queue, created_at=now(session)))


def publish(sessions: SessionFactory, queue: JobQueue, *, job_id: str | None = None) -> int:
    """Send the waiting tokens (of one job, or up to 200), oldest first; returns how many were sent.

    Sent before deleted: a crash between the two sends a token twice, which is harmless. Stops at the
    first that can't be sent.
    """
    with sessions() as session:
        waiting = select(OutboxMessage).order_by(OutboxMessage.id).limit(200)
        if job_id is not None:
            waiting = waiting.where(OutboxMessage.job_id == job_id)
        messages = session.scalars(waiting).all()
    sent = []
    for message in messages:
        if not queue.wake(message.queue, message.job_id):
            break
        sent.append(message.id)
    if sent:
        with sessions.begin() as session:
            session.execute(delete(OutboxMessage).where(OutboxMessage.id.in_(sent)))
    return len(sent)


def renotify(sessions: SessionFactory, queue: JobQueue, *, waiting_seconds: float) -> int:
    """Make up for tokens that the broker lost, and wake workers for retries whose time has come.

    Where fewer tokens wait than jobs that have been eligible for `waiting_seconds`, the difference is
    sent (at most 200). Returns how many were sent.
    """
    with sessions() as session:
        before = now(session) - timedelta(seconds=waiting_seconds)
        eligible = (Job.status == JobStatus.QUEUED, Job.run_at < before)
        counts = session.execute(
            select(Job.queue, func.count()).where(*eligible).group_by(Job.queue)
        ).all()
    sent = 0
    for name, count in counts:
        missing = count - (queue.depth(name) or 0)
        for _ in range(min(missing, 200)):
            if not queue.wake(name, ""):
                return sent
            sent += 1
    return sent
