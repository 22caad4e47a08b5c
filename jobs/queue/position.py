"""Position of a queued job, and the estimated time until it starts.

The position is the number of jobs that start before it if nothing else is submitted: jobs of higher
priority, and jobs of the same priority that the round-robin between owners serves first. The estimate
is (position + half a job for the jobs that run now) × mean run time of the newest jobs ÷ number of busy
workers. It ignores the sizes of pictures, so it is too low if the jobs ahead are larger than usual.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, String, bindparam, event, func, select
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from jobs.db.engine import SessionFactory, UtcDateTime, now, reading
from jobs.db.models.jobs import Job
from jobs.db.models.owners import Owner
from jobs.queue.claiming import is_eligible, is_paused
from jobs.queue.status import JobStatus
from jobs.queue.versions import JobVersion

#: Number of the newest jobs whose run times are averaged.
MEASURED_JOBS = 20
#: Seconds for which a snapshot of a queue is used.
SNAPSHOT_SECONDS = 0.25
#: Keys in a connection's `info`: a commit, and one that leaves all positions as they are.
_COMMITTED, _NEUTRAL = "atelier_committed", "atelier_neutral"
_NEVER = datetime.min.replace(tzinfo=UTC)

# Built once, because building a statement takes longer than executing it.
_QUEUE, _AT = bindparam("queue", type_=String), bindparam("at", type_=UtcDateTime)
#: Counts by priority and owner, in the order of the index of queued jobs.
WAITING = (
    select(Job.priority, Job.owner, func.count(), func.min(Job.created_at))
    .where(Job.queue == _QUEUE, is_eligible(_AT))
    .group_by(Job.priority, Job.owner)
)
_SERVED = select(Owner.name, Owner.last_claimed_at).where(
    Owner.name.in_(bindparam("owners", expanding=True))
)
_STATE = select(
    is_paused(_QUEUE).label("paused"),
    # Jobs that are rendered in one batch have the same lease owner.
    select(func.count(Job.lease_owner.distinct()))
    .where(Job.status == JobStatus.RUNNING, Job.queue == _QUEUE, Job.lease_expires_at > _AT)
    .scalar_subquery()
    .label("workers"),
)
OF_OWNER = (
    select(Job.created_at, Job.id)
    .where(
        Job.queue == _QUEUE,
        Job.priority == bindparam("priority"),
        Job.owner == bindparam("owner"),
        is_eligible(_AT),
    )
    .order_by(Job.created_at, Job.id)
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
    """The queued jobs of one queue at one moment, from which positions are computed."""

    def __init__(self, sessions: SessionFactory, queue: str) -> None:
        self._sessions = sessions
        self._queue = queue
        #: Priority → owner → number of jobs.
        self._counts: dict[int, dict[str, int]] = {}
        #: `(priority, owner)` → `(created_at, id)` of the jobs, in this order; read when needed.
        self._jobs_of_owners: dict[tuple[int, str], list[tuple[datetime, str]]] = {}
        with reading(sessions) as session:
            self._at = now(session)
            values = {"queue": queue, "at": self._at}
            rows = session.execute(WAITING, values).all()
            # Highest priority first; ties are broken as in claims: by the oldest job.
            for priority, owner, count, _ in sorted(rows, key=lambda row: (-row[0], row[3])):
                self._counts.setdefault(priority, {})[owner] = count
            owners = {owner for _, owner, _, _ in rows}
            served = session.execute(_SERVED, {"owners": list(owners)}).all() if owners else ()
            self._served = {owner: at or _NEVER for owner, at in served}
            state = session.execute(_STATE, values).one()
            self._mean = mean_run_seconds(session, queue)
        self._paused, self._workers = bool(state.paused), state.workers

    def position_of(self, job: Job | JobVersion) -> QueuePosition:
        """The position of a queued job."""
        higher = sum(sum(self._counts[p].values()) for p in self._counts if p > job.priority)
        position = higher + self._before_at_same_priority(job)
        paused_now = self._paused or job.paused_at is not None
        wait = max(0.0, (job.run_at - self._at).total_seconds())
        eta = None
        if self._mean is not None and not paused_now:
            eta = round(max(wait, (position + 0.5) * self._mean / max(1, self._workers or 0)), 2)
        return QueuePosition(position=position, eta_s=eta, paused=paused_now)

    def add(self, job: Job) -> bool:
        """Add a new job, unless it is here already; False if its priority or owner has no job here."""
        owners = self._counts.get(job.priority, {})
        if job.owner not in owners:
            return False
        jobs, entry = self._jobs_of(job.owner, job.priority), (job.created_at, job.id)
        index = bisect_left(jobs, entry)
        if jobs[index : index + 1] != [entry]:
            jobs.insert(index, entry)
        # The list may have been read later than the counts, and may then hold further new jobs.
        owners[job.owner] = len(jobs)
        return True

    def _before_at_same_priority(self, job: Job | JobVersion) -> int:
        peers = self._counts.get(job.priority, {})
        rounds = bisect_left(self._jobs_of(job.owner, job.priority), (job.created_at, job.id))
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

    def _jobs_of(self, owner: str, priority: int) -> list[tuple[datetime, str]]:
        key = (priority, owner)
        if key not in self._jobs_of_owners:
            values = {"queue": self._queue, "at": self._at, "owner": owner, "priority": priority}
            with reading(self._sessions) as session:
                rows = session.execute(OF_OWNER, values).all()
            self._jobs_of_owners[key] = [(created_at, job_id) for created_at, job_id in rows]
        return self._jobs_of_owners[key]

    def _order_at(self, priority: int) -> list[str]:
        """Owners with jobs of this priority, in the order of their turns after higher priorities."""
        by_age = [owner for peers in self._counts.values() for owner in peers]
        order = sorted(dict.fromkeys(by_age), key=lambda owner: self._served[owner])
        for higher in sorted((p for p in self._counts if p > priority), reverse=True):
            peers = self._counts[higher]
            served = sorted((o for o in order if o in peers), key=lambda o: peers[o])
            order = [o for o in order if o not in peers] + served
        return [o for o in order if o in self._counts.get(priority, {})]


class QueuePositions:
    """Positions of queued jobs, from snapshots that all requests of a process share.

    A snapshot serves for `SNAPSHOT_SECONDS`, and is dropped when this process commits a transaction; a
    new job is added to it. So positions follow the changes of this process at once, and those of other
    processes after that time; polls and submits cost no look at the queue each.
    """

    def __init__(self, engine: Engine, sessions: SessionFactory) -> None:
        self._sessions = sessions
        self._reading = threading.Lock()
        #: Guards the attributes below, and additions to snapshots.
        self._lock = threading.Lock()
        #: Number of commits so far that may have changed positions in other ways than by new jobs.
        self._changes = 0
        #: Jobs that were added while a snapshot is being read.
        self._meanwhile: list[Job] = []
        #: Queue → time until which its snapshot serves, and the snapshot.
        self._snapshots: dict[str, tuple[float, QueueSnapshot]] = {}
        event.listen(engine, "commit", _mark_committed)
        event.listen(engine, "checkin", self._drop)

    def of(self, jobs: Sequence[Job | JobVersion]) -> list[QueuePosition | None]:
        """The position of each job; None for jobs that are not queued."""
        return [
            self._snapshot(job.queue).position_of(job) if job.status == JobStatus.QUEUED else None
            for job in jobs
        ]

    def _snapshot(self, queue: str) -> QueueSnapshot:
        until, found = self._snapshots.get(queue, (0.0, None))
        if found is not None and time.monotonic() < until:
            return found
        # One thread looks at the queue; the others wait for the snapshot.
        with self._reading:
            until, found = self._snapshots.get(queue, (0.0, None))
            if found is not None and time.monotonic() < until:
                return found
            with self._lock:
                changes, self._meanwhile = self._changes, []
            snapshot = QueueSnapshot(self._sessions, queue)
            with self._lock:
                added = [snapshot.add(job) for job in self._meanwhile if job.queue == queue]
                # A snapshot that another change may have overtaken serves only this call.
                if changes == self._changes and all(added):
                    self._snapshots[queue] = time.monotonic() + SNAPSHOT_SECONDS, snapshot
                self._meanwhile = []
            return snapshot

    def add(self, jobs: Sequence[Job]) -> None:
        """Add new jobs that a transaction marked by `mark_neutral` has just committed."""
        with self._lock:
            for job in jobs:
                if job.status != JobStatus.QUEUED:
                    continue
                if self._reading.locked():
                    self._meanwhile.append(job)
                until, found = self._snapshots.get(job.queue, (0.0, None))
                if found is not None and (time.monotonic() >= until or not found.add(job)):
                    del self._snapshots[job.queue]

    def _drop(self, connection: object, record: ConnectionPoolEntry) -> None:
        # The event `commit` comes before the commit itself; its connection is free after the commit.
        neutral = record.info.pop(_NEUTRAL, False)
        if record.info.pop(_COMMITTED, False) and not neutral:
            with self._lock:
                self._changes += 1
                self._snapshots.clear()


def mark_neutral(session: Session) -> None:
    """Mark the transaction of a session as one that leaves the positions of queued jobs as they are."""
    session.connection().info[_NEUTRAL] = True


def _mark_committed(connection: Connection) -> None:
    connection.info[_COMMITTED] = True


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
