"""Pages of jobs by filters, with a cursor (keyset pagination)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict, Unpack

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session, aliased

from jobs.db.models.jobs import Job
from jobs.errors import InvalidParamsError


@dataclass(frozen=True, kw_only=True)
class JobPage:
    """A page of jobs, newest first; `next` is the cursor of the next page, None on the last."""

    jobs: list[Job]
    next: str | None


class Filters(TypedDict, total=False):
    """Filters of a list of jobs, and the size of a page (20 by default).

    `cursor` is the id of the last job of the previous page; `dead` selects dead letters that were not
    retried since; `id_prefix` are the first characters of ids.
    """

    status: str | None
    kind: str | None
    batch_id: str | None
    id_prefix: str | None
    dead: bool | None
    cursor: str | None
    limit: int


def find_page(session: Session, owner: str | None, **filters: Unpack[Filters]) -> JobPage:
    """A page of an owner's jobs, or of all (None), newest first.

    Raises `InvalidParamsError` for an unknown cursor.
    """
    query = select(Job) if owner is None else select(Job).where(Job.owner == owner)
    for column in (Job.status, Job.kind, Job.batch_id):
        wanted = filters.get(column.key)
        if wanted is not None:
            query = query.where(column == wanted)
    prefix = filters.get("id_prefix")
    if prefix is not None:
        query = query.where(Job.id.startswith(prefix, autoescape=True))
    dead = filters.get("dead")
    if dead is not None:
        query = query.where(is_unretried_dead_letter() if dead else ~is_unretried_dead_letter())
    cursor = filters.get("cursor")
    if cursor is not None:
        last = session.get(Job, cursor)
        if last is None or owner not in (None, last.owner):
            raise InvalidParamsError([("cursor", "There is no such cursor; use the `next` of a page.")])
        same_time = and_(Job.created_at == last.created_at, Job.id < last.id)
        query = query.where(or_(Job.created_at < last.created_at, same_time))
    limit = filters.get("limit", 20)
    query = query.order_by(Job.created_at.desc(), Job.id.desc()).limit(limit + 1)
    found = list(session.scalars(query).all())
    page = found[:limit]
    return JobPage(jobs=page, next=page[-1].id if len(found) > limit else None)


def is_unretried_dead_letter() -> ColumnElement[bool]:
    """SQL condition: the job is a dead letter that was not retried."""
    retry = aliased(Job)
    return Job.dead & ~exists().where(retry.retried_from == Job.id)
