"""Pause and resume queues; numbers of queued and running jobs of each queue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from jobs.db.engine import SessionFactory, now, reading
from jobs.db.models.jobs import Job, QueueState
from jobs.db.upserts import upsert
from jobs.errors import NotFoundError
from jobs.queue import outbox
from jobs.queue.broker import QUEUE_NAMES, Broker
from jobs.queue.status import JobStatus


@dataclass(frozen=True, kw_only=True)
class QueueInfo:
    """The state of a queue: paused or not, and its numbers of jobs."""

    name: str
    paused_at: datetime | None
    queued: int
    running: int


class QueueControl:
    """Lists, pauses and resumes queues. A paused queue still takes jobs, but starts none."""

    def __init__(self, sessions: SessionFactory, broker: Broker) -> None:
        self._sessions = sessions
        self._broker = broker

    def all(self) -> list[QueueInfo]:
        """Every queue, ordered by name."""
        with reading(self._sessions) as session:
            pauses = {state.name: state.paused_at for state in session.scalars(select(QueueState))}
            counted = session.execute(
                select(Job.queue, Job.status, func.count())
                .where(Job.status.in_([JobStatus.QUEUED, JobStatus.RUNNING]))
                .group_by(Job.queue, Job.status)
            ).all()
        counts = {(queue, status): count for queue, status, count in counted}
        return [
            QueueInfo(
                name=name,
                paused_at=pauses.get(name),
                queued=counts.get((name, JobStatus.QUEUED), 0),
                running=counts.get((name, JobStatus.RUNNING), 0),
            )
            for name in sorted(QUEUE_NAMES)
        ]

    def get(self, name: str) -> QueueInfo:
        """One queue. Raises `NotFoundError`."""
        for view in self.all():
            if view.name == name:
                return view
        known = ", ".join(sorted(QUEUE_NAMES))
        raise NotFoundError(f"There is no queue {name[:32]!r}; there are {known}.")

    def pause(self, name: str) -> QueueInfo:
        """Pause a queue; running jobs go on. Raises `NotFoundError`."""
        if self.get(name).paused_at is None:
            with self._sessions.begin() as session:
                upsert_queue_pause(session, name, now(session))
        return self.get(name)

    def resume(self, name: str) -> QueueInfo:
        """Resume a queue, and wake its workers. Raises `NotFoundError`."""
        if self.get(name).paused_at is not None:
            with self._sessions.begin() as session:
                upsert_queue_pause(session, name, None)
            # Tokens that arrived while the queue was paused are used up.
            outbox.renotify_in_request(self._sessions, self._broker, only=name)
        return self.get(name)


def upsert_queue_pause(session: Session, queue: str, paused_at: datetime | None) -> None:
    """Store since when a queue is paused; None if it is not."""
    upsert(session, QueueState, {"name": queue}, {"paused_at": paused_at})
