"""Job selection: highest priority, then the owner who has waited longest, then the oldest job."""

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
    """SQL condition: the queue is paused."""
    return exists().where(QueueState.name == queue, QueueState.paused_at.is_not(None))


#: SQL condition: the job is queued. The status is a literal, not a bound parameter: otherwise the
#: database would not know that the partial index of queued jobs covers the condition.
QUEUED: ColumnElement[bool] = Job.status == literal_column(f"'{JobStatus.QUEUED}'")


def is_eligible(at: datetime | BindParameter[datetime]) -> ColumnElement[bool]:
    """SQL condition: the job may be claimed at this time."""
    return and_(
        QUEUED,
        Job.run_at <= at,
        Job.paused_at.is_(None),
        or_(Job.cancel_at.is_(None), Job.cancel_at > at),
    )


_QUEUE, _AT = bindparam("queue", type_=String), bindparam("at", type_=UtcDateTime)
_NEXT = (
    select(Job.id, Job.owner)
    .join(Owner, Owner.name == Job.owner)
    .where(Job.queue == _QUEUE, is_eligible(_AT), ~is_paused(_QUEUE))
    .order_by(Job.priority.desc(), Owner.last_claimed_at.asc().nulls_first(), Job.created_at, Job.id)
    .limit(1)
)
# Built once, because building a statement takes longer than executing it. SQLite has no row locks and
# omits this one; its transaction already holds the write lock.
_NEXT_LOCKED = _NEXT.with_for_update(of=Job, skip_locked=True)


def peek_next_job(session: Session, queue: str, *, max_running: int = 0) -> Job | None:
    """The job that `select_next_job` would select now, without a lock; None if there is none.

    A lock on a job that is not claimed in the end would hide it from the worker that was woken for it.
    """
    busy = _busy_owners(session, max_running)
    values = {"queue": queue, "at": now(session)}
    row = session.execute(_without_owners(_NEXT, busy), values).one_or_none()
    return None if row is None else session.get(Job, row.id)


def select_next_job(
    session: Session, queue: str, at: datetime, *, max_running: int = 0, only: str | None = None
) -> tuple[str, str] | None:
    """The `(id, owner)` of the job to claim next, its row locked; None if there is none.

    Owners with `max_running` running jobs (0: no limit) are left out. With `only`, that job or none.
    """
    busy = _busy_owners(session, max_running)
    while True:
        query = _without_owners(_NEXT_LOCKED, busy)
        if only is not None:
            query = query.where(Job.id == only)
        row = session.execute(query, {"queue": queue, "at": at}).one_or_none()
        if row is None:
            return None
        if not max_running or not _is_busy(session, row.owner, max_running):
            return row.id, row.owner
        busy.append(row.owner)


def _without_owners(query: Select[str, str], owners: list[str]) -> Select[str, str]:
    return query.where(Job.owner.not_in(owners)) if owners else query


def _busy_owners(session: Session, max_running: int) -> list[str]:
    if not max_running:
        return []
    running = select(Job.owner).where(Job.status == JobStatus.RUNNING).group_by(Job.owner)
    return list(session.scalars(running.having(func.count() >= max_running)).all())


def _is_busy(session: Session, owner: str, max_running: int) -> bool:
    # Two workers may have selected jobs of one owner at the same moment: the second waits here until
    # the first has committed, and then counts its job too.
    session.execute(select(Owner.name).where(Owner.name == owner).with_for_update(key_share=True))
    running = session.scalar(
        select(func.count()).where(Job.owner == owner, Job.status == JobStatus.RUNNING)
    )
    return (running or 0) >= max_running
