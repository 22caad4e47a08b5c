"""Position of a queued job, and the estimated time until it starts.

The position is the number of jobs that start before it if nothing else is submitted: jobs of higher
priority, and jobs of the same priority that the round-robin between owners serves first. The estimate
is (position + half a job for the jobs that run now) × mean run time of the newest jobs ÷ number of busy
workers. It ignores the sizes of pictures, so it is too low if the jobs ahead are larger than usual.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import String, and_, bindparam, func, or_, select
from sqlalchemy.orm import Session

from jobs.db.engine import UtcDateTime, now
from jobs.db.models.jobs import Job
from jobs.db.models.owners import Owner
from jobs.queue.claiming import is_eligible, is_paused
from jobs.queue.status import JobStatus

#: Number of the newest jobs whose run times are averaged.
MEASURED_JOBS = 20
_NEVER = datetime.min.replace(tzinfo=UTC)

# Built once, because building a statement takes longer than executing it.
_QUEUE, _AT = bindparam("queue", type_=String), bindparam("at", type_=UtcDateTime)
_WAITING = (
    select(Job.priority, Job.owner, func.count(), Owner.last_claimed_at)
    .join(Owner, Owner.name == Job.owner)
    .where(Job.queue == _QUEUE, is_eligible(_AT))
    .group_by(Job.priority, Job.owner, Owner.last_claimed_at)
    # Ties are broken as in claims: by the oldest job.
    .order_by(Job.priority.desc(), func.min(Job.created_at))
)
_STATE = select(
    is_paused(_QUEUE).label("paused"),
    # Jobs that are rendered in one batch have the same lease owner.
    select(func.count(Job.lease_owner.distinct()))
    .where(Job.status == JobStatus.RUNNING, Job.queue == _QUEUE, Job.lease_expires_at > _AT)
    .scalar_subquery()
    .label("workers"),
)
_OWN_BEFORE = select(func.count()).where(
    Job.owner == bindparam("owner"),
    Job.queue == _QUEUE,
    is_eligible(_AT),
    Job.priority == bindparam("priority"),
    or_(
        Job.created_at < bindparam("created_at"),
        and_(Job.created_at == bindparam("created_at"), Job.id < bindparam("id")),
    ),
)
_NEWEST = (
    select(Job.metrics)
    .where(Job.queue == _QUEUE, Job.status == JobStatus.SUCCEEDED, Job.cached.is_(False))
    .order_by(Job.finished_at.desc())
    .limit(MEASURED_JOBS)
)


@dataclass(frozen=True, kw_only=True)
class QueuePosition:
    """The number of jobs ahead, and the estimated seconds until the start (None: not known)."""

    position: int
    eta_s: float | None
    paused: bool = False


class QueueSnapshot:
    """The queued jobs of one queue, counted once for all jobs of a response."""

    def __init__(self, session: Session, queue: str) -> None:
        self._session = session
        self._at = now(session)
        values = {"queue": queue, "at": self._at}
        self._counts: dict[int, dict[str, int]] = {}
        self._served: dict[str, datetime] = {}
        for priority, owner, count, served in session.execute(_WAITING, values).all():
            self._counts.setdefault(priority, {})[owner] = count
            self._served[owner] = served or _NEVER
        state = session.execute(_STATE, values).one()
        self._paused, self._workers = bool(state.paused), state.workers
        self._mean = mean_run_seconds(session, queue)

    def position_of(self, job: Job) -> QueuePosition:
        """The position of a queued job."""
        higher = sum(sum(self._counts[p].values()) for p in self._counts if p > job.priority)
        position = higher + self._before_at_same_priority(job)
        paused_now = self._paused or job.paused_at is not None
        wait = max(0.0, (job.run_at - self._at).total_seconds())
        eta = None
        if self._mean is not None and not paused_now:
            eta = round(max(wait, (position + 0.5) * self._mean / max(1, self._workers or 0)), 2)
        return QueuePosition(position=position, eta_s=eta, paused=paused_now)

    def _before_at_same_priority(self, job: Job) -> int:
        peers = self._counts.get(job.priority, {})
        values = {
            "queue": job.queue,
            "at": self._at,
            "owner": job.owner,
            "priority": job.priority,
            "created_at": job.created_at,
            "id": job.id,
        }
        own = self._session.scalar(_OWN_BEFORE, values)
        rounds = own or 0
        order = self._order_at(job.priority)
        turn = order.index(job.owner) if job.owner in order else len(order)
        # Each full round serves one job of every owner; the last, partial round serves the owners whose
        # turn comes sooner.
        others = sum(
            min(count, rounds + (owner in order[:turn]))
            for owner, count in peers.items()
            if owner != job.owner
        )
        return rounds + others

    def _order_at(self, priority: int) -> list[str]:
        """Owners with jobs of this priority, in the order of their turns after higher priorities."""
        by_age = [owner for peers in self._counts.values() for owner in peers]
        order = sorted(dict.fromkeys(by_age), key=lambda owner: self._served[owner])
        for higher in sorted((p for p in self._counts if p > priority), reverse=True):
            peers = self._counts[higher]
            served = sorted((o for o in order if o in peers), key=lambda o: peers[o])
            order = [o for o in order if o not in peers] + served
        return [o for o in order if o in self._counts.get(priority, {})]


def queue_positions(session: Session, jobs: Sequence[Job]) -> list[QueuePosition | None]:
    """The position of each job; None for jobs that are not queued."""
    waiting = {job.queue for job in jobs if job.status == JobStatus.QUEUED}
    snapshots = {queue: QueueSnapshot(session, queue) for queue in waiting}
    return [
        snapshots[job.queue].position_of(job) if job.status == JobStatus.QUEUED else None
        for job in jobs
    ]


def mean_run_seconds(session: Session, queue: str) -> float | None:
    """Mean run time in seconds of the newest jobs of a queue; None if there are none.

    A job that was rendered in a batch counts its share of the batch.
    """
    newest = session.scalars(_NEWEST, {"queue": queue}).all()
    times = [
        float(metrics["run_s"]) / metrics.get("rendered_together", 1)
        for metrics in newest
        if metrics and "run_s" in metrics
    ]
    return sum(times) / len(times) if times else None
