"""Versions of job rows: the few columns that tell whether an answer about a job is still current.

Every change of a job increases `version` (`jobs.db.models.jobs.Job`). A poll therefore reads one small
row, and the whole job only after a change.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Engine, Row, bindparam, select

from jobs.db.engine import table
from jobs.db.models.jobs import Job
from jobs.queue.status import FINAL


class JobVersion(NamedTuple):
    """The version of a job's row, and the columns that its position in the queue depends on."""

    id: str
    owner: str
    version: int
    status: str
    queue: str
    priority: int
    created_at: datetime
    run_at: datetime
    paused_at: datetime | None
    #: These two become NULL, without a new version, when the batch or the other job is deleted.
    batch_id: str | None
    retried_from: str | None
    #: The deliveries of a webhook change without the job.
    webhook_url: str | None

    @property
    def ended(self) -> bool:
        """Whether the status is final."""
        return self.status in FINAL


# Built once, because building a statement takes longer than executing it.
_COLUMNS = [table(Job).c[name] for name in JobVersion._fields]
_ONE = select(*_COLUMNS).where(table(Job).c.id == bindparam("id"))
_MANY = select(*_COLUMNS).where(table(Job).c.id.in_(bindparam("ids", expanding=True)))


def version_of(job: Job) -> JobVersion:
    """The version of a job that was read as a whole."""
    return JobVersion(*(getattr(job, name) for name in JobVersion._fields))


def read_version(reader: Engine, job_id: str) -> JobVersion | None:
    """The version of a job, by one statement; None if there is no such job.

    `reader` is made by `jobs.db.engine.make_reader`.
    """
    with reader.connect() as connection:
        row = connection.execute(_ONE, {"id": job_id}).one_or_none()
    return None if row is None else _version(row)


def read_versions(reader: Engine, job_ids: Collection[str]) -> dict[str, JobVersion]:
    """The versions of several jobs by their ids, by one statement; unknown jobs are left out."""
    with reader.connect() as connection:
        rows = connection.execute(_MANY, {"ids": list(job_ids)}).all()
    return {row.id: _version(row) for row in rows}


def _version(row: Row[*tuple[object, ...]]) -> JobVersion:
    return JobVersion._make(row)
