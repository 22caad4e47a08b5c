"""Job selection: highest priority, then the owner who has waited longest, then the oldest job.

The cost of a selection grows with the number of owners who have queued jobs, and not with the number of
their jobs: priorities, owners and the oldest job of each owner are found by seeks in the index of
queued jobs (https://wiki.postgresql.org/wiki/Loose_indexscan).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    CTE,
    BindParameter,
    ColumnElement,
    Integer,
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
from sqlalchemy.orm import Session, aliased

from jobs.db.engine import UtcDateTime, now
from jobs.db.models.jobs import Job, QueueState
from jobs.db.models.owners import Owner
from jobs.queue.status import JobStatus


def is_paused(queue: str | BindParameter[str]) -> ColumnElement[bool]:
    """SQL condition: the queue is paused."""
    return exists().where(QueueState.name == queue, QueueState.paused_at.is_not(None))


#: SQL condition: the job is queued. The status is a literal, not a bound parameter: otherwise the
#: database would not know that the partial index of queued jobs covers the condition.
_QUEUED: ColumnElement[str] = literal_column(f"'{JobStatus.QUEUED}'")
QUEUED: ColumnElement[bool] = Job.status == _QUEUED


def is_eligible(at: datetime | BindParameter[datetime], job: type[Job] = Job) -> ColumnElement[bool]:
    """SQL condition: the job may be claimed at this time. `job` may be an alias of the table."""
    return and_(
        job.status == _QUEUED,
        job.run_at <= at,
        job.paused_at.is_(None),
        or_(job.cancel_at.is_(None), job.cancel_at > at),
    )


_QUEUE, _AT = bindparam("queue", type_=String), bindparam("at", type_=UtcDateTime)


def _seek(column: ColumnElement[int] | ColumnElement[str], *conditions: ColumnElement[bool]) -> Any:
    """Subquery of an extreme value among the queued jobs of the queue."""
    return select(column).where(QUEUED, Job.queue == _QUEUE, *conditions).scalar_subquery()


def _priorities() -> CTE:
    """The priorities of queued jobs, from the highest on; the last row is NULL."""
    highest = select(_seek(func.max(Job.priority)).label("priority")).cte("priorities", recursive=True)
    lower = _seek(func.max(Job.priority), Job.priority < highest.c.priority)
    return highest.union_all(select(lower).where(highest.c.priority.is_not(None)))


def _owners(priorities: CTE) -> CTE:
    """The owners with queued jobs of each priority, by name; the last row of each priority is NULL."""
    of_priority = Job.priority == priorities.c.priority
    first = (
        select(priorities.c.priority, _seek(func.min(Job.owner), of_priority).label("owner"))
        .where(priorities.c.priority.is_not(None))
        .cte("waiting_owners", recursive=True)
    )
    following = _seek(func.min(Job.owner), Job.priority == first.c.priority, Job.owner > first.c.owner)
    return first.union_all(select(first.c.priority, following).where(first.c.owner.is_not(None)))


def _oldest_of(
    owner: ColumnElement[str] | BindParameter[str], priority: ColumnElement[int] | BindParameter[int]
) -> Select[str]:
    """The id of the oldest eligible job of an owner and a priority."""
    oldest = aliased(Job)
    return (
        select(oldest.id)
        .where(
            oldest.queue == _QUEUE,
            oldest.priority == priority,
            oldest.owner == owner,
            is_eligible(_AT, oldest),
        )
        .order_by(oldest.created_at, oldest.id)
        .limit(1)
    )


def _candidates() -> Select[str, str, int]:
    """Id, owner and priority of the oldest eligible job of each priority and owner, best first."""
    waiting = _owners(_priorities())
    oldest = _oldest_of(waiting.c.owner, waiting.c.priority).correlate(waiting).scalar_subquery()
    return (
        select(Job.id, Job.owner, Job.priority)
        .select_from(waiting)
        .join(Owner, Owner.name == waiting.c.owner)
        .join(Job, Job.id == oldest)
        .where(~is_paused(_QUEUE))
        .order_by(
            Job.priority.desc(), Owner.last_claimed_at.asc().nulls_first(), Job.created_at, Job.id
        )
    )


# Built once, because building a statement takes longer than executing it. SQLite has no row locks and
# omits these; its transaction already holds the write lock.
CANDIDATES = _candidates()
_OLDEST_LOCKED = _oldest_of(
    bindparam("owner", type_=String), bindparam("priority", type_=Integer)
).with_for_update(skip_locked=True)
_NAMED_LOCKED = (
    select(Job.id, Job.owner)
    .where(Job.id == bindparam("id"), Job.queue == _QUEUE, is_eligible(_AT), ~is_paused(_QUEUE))
    .with_for_update(of=Job, skip_locked=True)
)


def peek_next_job(session: Session, queue: str, *, max_running: int = 0) -> Job | None:
    """The job that `select_next_job` would select now, without a lock; None if there is none.

    A lock on a job that is not claimed in the end would hide it from the worker that was woken for it.
    """
    busy = _busy_owners(session, max_running)
    for job_id, owner, _ in session.execute(CANDIDATES, {"queue": queue, "at": now(session)}):
        if owner not in busy:
            return session.get(Job, job_id)
    return None


def select_next_job(
    session: Session, queue: str, at: datetime, *, max_running: int = 0, only: str | None = None
) -> tuple[str, str] | None:
    """The `(id, owner)` of the job to claim next, its row locked; None if there is none.

    Owners with `max_running` running jobs (0: no limit) are left out. With `only`, that job or none.
    """
    busy = _busy_owners(session, max_running)
    values = {"queue": queue, "at": at}
    if only is not None:
        named = session.execute(_NAMED_LOCKED, values | {"id": only}).one_or_none()
        if named is None or named.owner in busy or _is_busy(session, named.owner, max_running):
            return None
        return named.id, named.owner
    for _, owner, priority in session.execute(CANDIDATES, values).all():
        if owner in busy:
            continue
        # Another worker may have locked the owner's oldest job: then the next one is selected.
        of_owner = values | {"owner": owner, "priority": priority}
        job_id = session.scalar(_OLDEST_LOCKED, of_owner)
        if job_id is not None and not _is_busy(session, owner, max_running):
            return job_id, owner
        busy.add(owner)
    return None


def _busy_owners(session: Session, max_running: int) -> set[str]:
    if not max_running:
        return set()
    running = select(Job.owner).where(Job.status == JobStatus.RUNNING).group_by(Job.owner)
    return set(session.scalars(running.having(func.count() >= max_running)).all())


def _is_busy(session: Session, owner: str, max_running: int) -> bool:
    if not max_running:
        return False
    # Two workers may have selected jobs of one owner at the same moment: the second waits here until
    # the first has committed, and then counts its job too.
    session.execute(select(Owner.name).where(Owner.name == owner).with_for_update(key_share=True))
    running = session.scalar(
        select(func.count()).where(Job.owner == owner, Job.status == JobStatus.RUNNING)
    )
    return (running or 0) >= max_running
