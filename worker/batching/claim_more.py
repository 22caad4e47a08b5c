"""More jobs of the same shape for a worker that has just claimed one."""

from __future__ import annotations

import logging

from sqlalchemy.exc import SQLAlchemyError

from jobs.db.engine import reading
from jobs.db.models.jobs import Job
from jobs.queue import lifecycle
from jobs.queue.claiming import peek_next_job
from jobs.queue.lifecycle import Run
from worker.batching.shape import Shape, shape_of
from worker.context import WorkerContext

log = logging.getLogger(__name__)

#: Jobs rendered in one pass on CUDA, where nothing is set. On a CPU it is one: see docs/benchmarks.md.
ON_CUDA = 4


def gather(context: WorkerContext, queue: str, lease_owner: str, job: Job) -> list[tuple[Run, Job]]:
    """Claim what may be rendered in one pass with `job`, as far as it is next in turn.

    Only the job that any worker would have to take now is taken, and only while it is of the same
    shape: nobody is overtaken. A worker that stops, or whose database fails, takes no more.
    """
    most = _most(context)
    shape = shape_of(job) if most > 1 else None
    found: list[tuple[Run, Job]] = []
    if shape is None:
        return found
    try:
        # Another worker may be quicker; then the next in turn is looked at, but not for ever.
        for _ in range(2 * most):
            if len(found) + 1 == most or context.drain.seconds() is not None:
                break
            after = _next(context, queue, shape)
            if after is None:
                break
            run = _claim(context, queue, lease_owner, after)
            if run is not None:
                found.append((run, after))
    except SQLAlchemyError as error:
        log.warning("no more jobs were taken along with %s: %s", job.id, error)
    return found


def _most(context: WorkerContext) -> int:
    asked = context.settings.render_batch
    if asked:
        return asked
    from nst_core.runtimes.runtime import choose_device

    return 1 if choose_device(context.settings.device) == "cpu" else ON_CUDA


def _next(context: WorkerContext, queue: str, shape: Shape) -> Job | None:
    with reading(context.sessions) as session:
        job = peek_next_job(session, queue, max_running=context.settings.max_running_per_owner)
        return job if job is not None and shape_of(job) == shape else None


def _claim(context: WorkerContext, queue: str, lease_owner: str, job: Job) -> Run | None:
    settings = context.settings
    with context.sessions.begin() as session:
        return lifecycle.claim(
            session,
            queue,
            lease_owner,
            settings.lease_seconds,
            max_running=settings.max_running_per_owner,
            only=job.id,
        )
