"""Transactional outbox: tokens are written with the job, published after commit, then deleted."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta

from sqlalchemy import bindparam, delete, func, or_, select
from sqlalchemy.orm import Session

from jobs.db.engine import SessionFactory, now, reading, table
from jobs.db.models.jobs import Job, QueueState
from jobs.db.models.operations import OutboxMessage
from jobs.queue.broker import Broker
from jobs.queue.claiming import is_eligible

_OUTBOX = table(OutboxMessage)
_SENT = delete(_OUTBOX).where(_OUTBOX.c.id.in_(bindparam("ids", expanding=True)))


def enqueue(session: Session, job_id: str, queue: str, *, delay_seconds: float = 0) -> OutboxMessage:
    """Add a token for `job_id`, in the transaction that makes the job eligible now or after a delay."""
    at = now(session)
    due_at = at + timedelta(seconds=delay_seconds) if delay_seconds else None
    message = OutboxMessage(job_id=job_id, queue=queue, created_at=at, due_at=due_at)
    session.add(message)
    return message


def publish(sessions: SessionFactory, broker: Broker, *, job_ids: Collection[str] | None = None) -> int:
    """Send up to 200 due tokens (of `job_ids`, or all), oldest first; returns their number."""
    with reading(sessions) as session:
        due = or_(OutboxMessage.due_at.is_(None), OutboxMessage.due_at <= now(session))
        waiting = select(OutboxMessage).where(due).order_by(OutboxMessage.id).limit(200)
        if job_ids is not None:
            waiting = waiting.where(OutboxMessage.job_id.in_(job_ids))
        messages = session.scalars(waiting).all()
    return send(sessions, broker, messages)


def send(sessions: SessionFactory, broker: Broker, messages: Iterable[OutboxMessage]) -> int:
    """Send committed tokens in the given order; returns their number.

    A token is sent before its row is deleted: a crash between the two sends it twice, which is
    harmless. Stops at the first token that can't be sent.
    """
    sent = []
    for message in messages:
        if not broker.wake(message.queue, message.job_id):
            break
        sent.append(message.id)
    if sent:
        with sessions.begin() as session:
            session.execute(_SENT, {"ids": sent})
    return len(sent)


def send_in_request(sessions: SessionFactory, broker: Broker, messages: list[OutboxMessage]) -> None:
    """As `send`, but waits for a second at most; maintenance sends what is left."""
    if messages:
        broker.calls.run(lambda: send(sessions, broker, messages) == len(messages))


def publish_in_request(sessions: SessionFactory, broker: Broker, job_id: str) -> None:
    """As `publish` for one job, but waits for a second at most; maintenance sends what is left."""
    broker.calls.run(lambda: publish(sessions, broker, job_ids=[job_id]) > 0)


def renotify_in_request(sessions: SessionFactory, broker: Broker, *, only: str) -> None:
    """As `renotify` for the waiting jobs of one queue, but waits for a second at most."""

    def call() -> bool:
        renotify(sessions, broker, waiting_seconds=0, only=only)
        return True

    broker.calls.run(call)


def renotify(
    sessions: SessionFactory, broker: Broker, *, waiting_seconds: float, only: str | None = None
) -> int:
    """Replace tokens that the broker lost, and wake workers for retries whose time has come.

    If a queue has fewer tokens than jobs that have been eligible for `waiting_seconds`, the difference
    is sent (at most 200 to each queue; `only` names one queue). Paused queues are skipped. Returns the
    number of tokens sent.
    """
    with reading(sessions) as session:
        before = now(session) - timedelta(seconds=waiting_seconds)
        paused = select(QueueState.name).where(QueueState.paused_at.is_not(None))
        waiting = select(Job.queue, func.count()).where(is_eligible(before), Job.queue.not_in(paused))
        if only is not None:
            waiting = waiting.where(Job.queue == only)
        counts = session.execute(waiting.group_by(Job.queue)).all()
    sent = 0
    for name, count in counts:
        missing = count - (broker.depth(name) or 0)
        for _ in range(min(missing, 200)):
            if not broker.wake(name, ""):
                return sent
            sent += 1
    return sent
