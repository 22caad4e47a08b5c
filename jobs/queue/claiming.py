"""Which job a free worker takes: priority first, then the owner who waited longest, then the oldest."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    String,
    and_,
    bindparam,
    exists,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.orm import Session

from jobs.db.engine import UtcDateTime, now
from jobs.db.models.jobs import Job, QueueState
from jobs.db.models.owners import Owner
from jobs.queue.status import JobStatus


def is_paused(queue: str | BindParameter[str]) -> ColumnElement[bool]:
    """True in SQL while the queue is paused."""
    return exists().where(QueueState.name == queue, QueueState.paused_at.is_not(None))


#: True in SQL for queued jobs. Written into the statement: if it were a value sent beside it, the
#: database could not know that the index of queued jobs holds them all.
QUEUED: ColumnElement[bool] = Job.status == literal_column(f"'{JobStatus.QUEUED}'")


def is_eligible(at: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
    """True in SQL for jobs that a worker may take at a moment."""
    return and_(
        QUEUED,
        Job.run_at <= at,
        Job.paused_at.is_(None),
        or_(Job.cancel_at.is_(None), Job.cancel_at > at),
    )


_QUEUE, _AT = bindparam("queue", type_=String), bindparam("at", type_=UtcDateTime)
_IN_TURN = (
    select(Job.id, Job.owner)
    .join(Owner, Owner.name == Job.owner)
    .where(Job.queue == _QUEUE, is_eligible(_AT), ~is_paused(_QUEUE))
    .order_by(Job.priority.desc(), Owner.last_claimed_at.asc().nulls_first(), Job.created_at, Job.id)
    .limit(1)
)
# Put together once, as every claim asks it. SQLite's dialect leaves the lock out; its transaction holds
# the only one there is already.
_IN_TURN_LOCKED = _IN_TURN.with_for_update(of=Job, skip_locked=True)


def peek_next_job(session: Session, queue: str, *, max_running: int = 0) -> Job | None:
    """The job that `select_next_job` would take now, looked at and not locked; None if there is none.

    A lock on a job that is not taken in the end would hide it from the worker that was woken for it.
    """
    busy = _busy_owners(session, max_running)
    asked = {"queue": queue, "at": now(session)}
    row = session.execute(_but(_IN_TURN, busy), asked).one_or_none()
    return None if row is None else session.get(Job, row.id)


def select_next_job(
    session: Session, queue: str, at: datetime, *, max_running: int = 0, only: str | None = None
) -> tuple[str, str] | None:
    """The `(id, owner)` of the job to take next, its row locked; None if there is none.

    An owner with `max_running` jobs running (0: no bound) waits for one of them to end. With `only`,
    that job or none.
    """
    busy = _busy_owners(session, max_running)
    while True:
        turn = _but(_IN_TURN_LOCKED, busy)
        if only is not None:
            turn = turn.where(Job.id == only)
        row = session.execute(turn, {"queue": queue, "at": at}).one_or_none()
        if row is None:
            return None
        if not max_running or not _is_busy(session, row.owner, max_running):
            return row.id, row.owner
        busy.append(row.owner)


def _but(turn: Select[str, str], busy: list[str]) -> Select[str, str]:
    """A choice without the jobs of some owners."""
    return turn.where(Job.owner.not_in(busy)) if busy else turn


def _busy_owners(session: Session, max_running: int) -> list[str]:
    if not max_running:
        return []
    running = select(Job.owner).where(Job.status == JobStatus.RUNNING).group_by(Job.owner)
    return list(session.scalars(running.having(func.count() >= max_running)).all())


def _is_busy(session: Session, owner: str, max_running: int) -> bool:
    # Two workers may have chosen jobs of one owner at the same moment: the second waits here for the
    # first to commit, and then counts its job too.
    session.execute(select(Owner.name).where(Owner.name == owner).with_for_update(key_share=True))
    running = session.scalar(
        select(func.count()).where(Job.owner == owner, Job.status == JobStatus.RUNNING)
    )
    return (running or 0) >= max_running
