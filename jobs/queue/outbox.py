"""Transactional outbox: tokens are written with the job, published after commit, then deleted."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import bindparam, delete, func, insert, or_, select
from sqlalchemy.orm import Session

from jobs.db.engine import SessionFactory, now, reading, table
from jobs.db.models.jobs import Job, QueueState
from jobs.db.models.operations import OutboxMessage
from jobs.queue.broker import Broker
from jobs.queue.claiming import is_eligible
from jobs.queue.position import mark_neutral

_OUTBOX = table(OutboxMessage)
_ENQUEUE = insert(_OUTBOX).returning(_OUTBOX.c.id)
_SENT = delete(_OUTBOX).where(_OUTBOX.c.id.in_(bindparam("ids", expanding=True)))


class Token(NamedTuple):
    """A token in the outbox: the id of its row, the queue to wake, and the job."""

    id: int
    queue: str
    job_id: str


def enqueue(
    session: Session,
    job_id: str,
    queue: str,
    *,
    delay_seconds: float = 0,
    at: datetime | None = None,
) -> Token:
    """Add a token for `job_id`, in the transaction that makes the job eligible now or after a delay.

    `at` is the time of the database, for callers that have asked for it already.
    """
    at = at or now(session)
    due_at = at + timedelta(seconds=delay_seconds) if delay_seconds else None
    values = {"job_id": job_id, "queue": queue, "created_at": at, "due_at": due_at}
    return Token(session.execute(_ENQUEUE, values).scalar_one(), queue, job_id)


def publish(sessions: SessionFactory, broker: Broker, *, job_ids: Collection[str] | None = None) -> int:
    """Send up to 200 due tokens (of `job_ids`, or all), oldest first; returns their number."""
    with reading(sessions) as session:
        due = or_(OutboxMessage.due_at.is_(None), OutboxMessage.due_at <= now(session))
        waiting = select(OutboxMessage.id, OutboxMessage.queue, OutboxMessage.job_id).where(due)
        waiting = waiting.order_by(OutboxMessage.id).limit(200)
        if job_ids is not None:
            waiting = waiting.where(OutboxMessage.job_id.in_(job_ids))
        tokens = [Token._make(row) for row in session.execute(waiting)]
    return send(sessions, broker, tokens)


def send(sessions: SessionFactory, broker: Broker, tokens: Iterable[Token]) -> int:
    """Send committed tokens in the given order; returns their number.

    A token is sent before its row is deleted: a crash between the two sends it twice, which is
    harmless. Stops at the first token that can't be sent.
    """
    sent = []
    for token in tokens:
        if not broker.wake(token.queue, token.job_id):
            break
        sent.append(token.id)
    delete_sent(sessions, sent)
    return len(sent)


def delete_sent(sessions: SessionFactory, ids: Sequence[int]) -> None:
    """Delete the rows of tokens that were sent."""
    if ids:
        with sessions.begin() as session:
            mark_neutral(session)
            session.execute(_SENT, {"ids": ids})


def send_in_request(sessions: SessionFactory, broker: Broker, tokens: Sequence[Token]) -> None:
    """As `send`, but waits for a second at most; maintenance sends what is left."""
    if tokens:
        broker.calls.run(lambda: send(sessions, broker, tokens) == len(tokens))


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
