"""Claims further jobs of the same shape for a worker that has just claimed one."""

from __future__ import annotations

import logging
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from jobs.db.engine import SessionFactory, reading
from jobs.db.models.jobs import Job
from jobs.queue import lifecycle
from jobs.queue.claiming import peek_next_job
from jobs.queue.lifecycle import Run
from jobs.settings import Settings
from worker.batching.shape import Shape, shape_of
from worker.drain import Drain

log = logging.getLogger(__name__)


def claim_more(
    settings: Settings,
    sessions: SessionFactory,
    drain: Drain,
    queue: str,
    lease_owner: str,
    job: Job,
    size_of: Callable[[Shape], int],
) -> list[tuple[Run, Job]]:
    """Claim jobs that can be rendered in one pass with `job`, in the order of the queue.

    Stops at the first job of another shape, so that no job is overtaken. A draining worker, or one
    whose database fails, claims no more. `size_of` gives the number of jobs of a shape in a pass.
    """
    claimed: list[tuple[Run, Job]] = []
    shape = shape_of(job)
    if shape is None:
        return claimed
    batch_size = size_of(shape)
    try:
        # Another worker may claim a job first; the number of attempts is bounded.
        for _ in range(2 * batch_size):
            if len(claimed) + 1 == batch_size or drain.seconds() is not None:
                break
            candidate = _next_of_shape(settings, sessions, queue, shape)
            if candidate is None:
                break
            run = _claim(settings, sessions, queue, lease_owner, candidate)
            if run is not None:
                claimed.append((run, candidate))
    except SQLAlchemyError as error:
        log.warning("no more jobs were claimed along with %s: %s", job.id, error)
    return claimed


def _next_of_shape(
    settings: Settings, sessions: SessionFactory, queue: str, shape: Shape
) -> Job | None:
    with reading(sessions) as session:
        job = peek_next_job(session, queue, max_running=settings.max_running_per_owner)
        return job if job is not None and shape_of(job) == shape else None


def _claim(
    settings: Settings, sessions: SessionFactory, queue: str, lease_owner: str, job: Job
) -> Run | None:
    with sessions.begin() as session:
        return lifecycle.claim(
            session,
            queue,
            lease_owner,
            settings.lease_seconds,
            max_running=settings.max_running_per_owner,
            only=job.id,
        )
