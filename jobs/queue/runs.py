"""A run (one attempt at a job), and the SQL statements of every run.

The statements are built once, because building a statement takes longer than executing it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, func, update

from jobs.db.engine import UtcDateTime, table
from jobs.db.models.jobs import Job
from jobs.db.models.owners import Owner
from jobs.queue.status import JobStatus


@dataclass(frozen=True, kw_only=True)
class Run:
    """One attempt at a job, identified by job, attempt number and lease owner."""

    job_id: str
    attempt: int
    lease_owner: str

    def fence(self) -> ColumnElement[bool]:
        """SQL condition: this run still holds the lease of its job."""
        return and_(
            Job.id == self.job_id,
            Job.attempt == self.attempt,
            Job.lease_owner == self.lease_owner,
            Job.status == JobStatus.RUNNING,
        )

    def fence_values(self) -> dict[str, Any]:
        """The bound parameters of the fence in the statements below."""
        return {"held_id": self.job_id, "held_attempt": self.attempt, "held_by": self.lease_owner}


_JOBS = table(Job)
#: `Run.fence` with bound parameters.
_HELD = and_(
    _JOBS.c.id == bindparam("held_id"),
    _JOBS.c.attempt == bindparam("held_attempt"),
    _JOBS.c.lease_owner == bindparam("held_by"),
    _JOBS.c.status == JobStatus.RUNNING,
)
#: What the event of a new state needs to know of its job.
_TOLD = (_JOBS.c.kind, _JOBS.c.webhook_events)
UPDATE_FENCED = update(_JOBS).where(_HELD).values(version=_JOBS.c.version + 1).returning(*_TOLD)
CLAIM_JOB = (
    update(_JOBS)
    .where(_JOBS.c.id == bindparam("claimed"), _JOBS.c.status == JobStatus.QUEUED)
    .values(
        status=JobStatus.RUNNING,
        attempt=_JOBS.c.attempt + 1,
        lease_owner=bindparam("holder"),
        lease_expires_at=bindparam("until"),
        started_at=func.coalesce(_JOBS.c.started_at, bindparam("at", type_=UtcDateTime)),
        progress=None,
        version=_JOBS.c.version + 1,
    )
    .returning(_JOBS.c.attempt, *_TOLD)
)
_OWNERS = table(Owner)
MARK_OWNER_SERVED = (
    update(_OWNERS).where(_OWNERS.c.name == bindparam("owner")).values(last_claimed_at=bindparam("at"))
)
EXTEND_LEASE = (
    update(_JOBS)
    .where(_HELD)
    .values(lease_expires_at=bindparam("until"))
    .returning(_JOBS.c.cancel_requested_at)
)
