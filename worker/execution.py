"""One run: claim, handle, finish. The only place that turns an exception into a job's fate."""

from __future__ import annotations

import logging
import math
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs.blobs.rows import store_blob, store_file
from jobs.catalog.network_header import read_header
from jobs.catalog.networks import add_version
from jobs.db import counters
from jobs.db.engine import now, reading
from jobs.db.models.jobs import Job, JobFile
from jobs.errors import JobCanceledError, JobsError, LeaseLostError, NotFoundError
from jobs.logs import log_context
from jobs.queue import lifecycle, outbox
from jobs.queue.backoff import retry_delay
from jobs.queue.claiming import is_eligible
from jobs.queue.lifecycle import JobStatus, Run
from jobs.trainings import control
from worker.batching.claim_more import gather
from worker.batching.rendezvous import Company
from worker.context import WorkerContext
from worker.kinds.stylize import HANDLERS
from worker.lease import DeadlineError, DrainedError, Lease, PausedError
from worker.result import Made, Output

log = logging.getLogger(__name__)


def run_next(context: WorkerContext, queue: str, lease_owner: str) -> Run | None:
    """Claim the best eligible job of `queue` and run it to its end. None if there was none.

    Where pictures are rendered together, those that are next in turn and of its shape run beside it.
    """
    settings = context.settings
    with context.sessions.begin() as session:
        run = lifecycle.claim(
            session,
            queue,
            lease_owner,
            settings.lease_seconds,
            max_running=settings.max_running_per_owner,
        )
        job = None if run is None else session.get_one(Job, run.job_id)
    if run is None or job is None:
        _count(context, counters.CLAIMS_REFUSED)
        return None
    others = gather(context, queue, lease_owner, job)
    if others:
        _run_together(context, [(run, job), *others])
    else:
        _run(context, job, run)
    return run


def _run_together(context: WorkerContext, claimed: list[tuple[Run, Job]]) -> None:
    """Run each job in a thread of its own. An error that is no job's is raised when all have ended."""
    company = Company(job.id for _, job in claimed)
    accompanied = context.accompanied(company)

    def run_one(run: Run, job: Job) -> None:
        try:
            _run(accompanied, job, run)
        finally:
            company.leave(job.id)

    with ThreadPoolExecutor(len(claimed), thread_name_prefix="job") as threads:
        ends = [threads.submit(run_one, *each) for each in claimed]
    for end in ends:
        end.result()


def _run(context: WorkerContext, job: Job, run: Run) -> None:
    with log_context(job_id=run.job_id, request_id=job.request_id):
        _run_bound(context, job, run)


def _run_bound(context: WorkerContext, job: Job, run: Run) -> None:
    settings = context.settings
    long = job.queue == "train"
    log.info("job %s attempt %d starts", run.job_id, run.attempt)
    lease = Lease(
        context.sessions,
        run,
        lease_seconds=settings.lease_seconds,
        heartbeat_seconds=settings.heartbeat_seconds,
        deadline_seconds=settings.train_seconds if long else settings.job_seconds,
        drain=context.drain,
        # A training sees for itself that the worker stops, and saves a checkpoint first.
        drain_seconds=math.inf if job.kind in control.CONTROLLABLE_KINDS else settings.drain_seconds,
    )
    started = time.perf_counter()
    try:
        with lease:
            lease.check()
            made = HANDLERS[job.kind](context, job, lease)
            lease.check()
            made.metrics["run_s"] = round(time.perf_counter() - started, 4)
            _succeed(context, job, run, made)
    except LeaseLostError:
        log.warning("job %s attempt %d lost its lease; its work is discarded", run.job_id, run.attempt)
        _count(context, counters.WRITES_REFUSED)
    except JobCanceledError:
        _end(context, run, lifecycle.finish_canceled)
    except DrainedError:
        log.info("job %s goes back into the queue: the worker stops", run.job_id)
        _end(context, run, _put_back, job, "drained")
    except PausedError:
        log.info("job %s is paused", run.job_id)
        _end(context, run, _put_back, job, "paused")
    except Exception as error:
        _end_failed(context, job, run, error)
    else:
        log.info(
            "job %s attempt %d succeeded in %.3f s", run.job_id, run.attempt, made.metrics["run_s"]
        )
    _wake_the_next(context, job)


def _succeed(context: WorkerContext, job: Job, run: Run, made: Made) -> None:
    # Bytes first: no file of a job names what is not in storage. If the fence refuses, the bytes stay
    # behind until they are swept.
    kept = [(output, _keep(context, output)) for output in made.outputs]
    with context.sessions.begin() as session:
        lifecycle.succeed(session, run, made.metrics, network_version=made.network_version)
        for position, (output, sha256) in enumerate(kept):
            session.add(
                JobFile(
                    job_id=run.job_id,
                    direction="output",
                    role=output.role,
                    position=position,
                    sha256=sha256,
                )
            )
        if made.publish is not None:
            _publish(session, job, made.publish, kept)
    if made.folder is not None:
        shutil.rmtree(made.folder, ignore_errors=True)


def _keep(context: WorkerContext, output: Output) -> str:
    if isinstance(output.data, Path):
        return store_file(context.sessions, context.storage, output.data, output.info)
    return store_blob(context.sessions, context.storage, output.data, output.info)


def _publish(session: Session, job: Job, name: str, kept: list[tuple[Output, str]]) -> None:
    """Give the network that was made a name, in the transaction of the job's success."""
    output, sha256 = next(each for each in kept if each[0].role == "network")
    samples = [sha for other, sha in kept if other.role == "image"]
    styles = [file.sha256 for file in job.inputs if file.role == "style"]
    add_version(
        session,
        job.owner,
        name,
        read_header(output.data if isinstance(output.data, bytes) else output.data.read_bytes()),
        sha256,
        style_sha256=styles[0] if styles else None,
        sample_sha256=samples[-1] if samples else None,
        job_id=job.id,
    )


def _end_failed(context: WorkerContext, job: Job, run: Run, error: Exception) -> None:
    """Fail for good what would fail again; give the rest another attempt."""
    described = describe(error)
    with reading(context.sessions) as session:
        left = session.get_one(Job, run.job_id).attempts_left
    if not described["retryable"] or left <= 0:
        log.error("job %s failed: %s", run.job_id, described["detail"], exc_info=error)
        _end(context, run, lifecycle.fail, described)
        return
    delay = retry_delay(run.attempt, context.settings.retry_seconds)
    log.warning("job %s will be tried again in %.1f s", run.job_id, delay, exc_info=error)

    def again(session: Session, run: Run) -> None:
        after = lifecycle.requeue(session, run, reason="retry", delay_seconds=delay, error=described)
        if after == JobStatus.QUEUED:
            outbox.enqueue(session, run.job_id, job.queue, delay_seconds=delay)

    _end(context, run, again)


def _put_back(session: Session, run: Run, job: Job, reason: str) -> None:
    after = lifecycle.requeue(session, run, reason=reason, spend_attempt=False)
    if after == JobStatus.QUEUED:
        outbox.enqueue(session, run.job_id, job.queue)


def _wake_the_next(context: WorkerContext, job: Job) -> None:
    """Send a token for an owner whose next job waited for this one to end.

    Where owners have a bound of running jobs, a worker may have looked, found nothing that it was
    allowed to take, and used its token up.
    """
    if not context.settings.max_running_per_owner:
        return
    with context.sessions.begin() as session:
        waits = select(Job.id).where(Job.owner == job.owner, Job.queue == job.queue).limit(1)
        job_id = session.scalar(waits.where(is_eligible(now(session))))
        if job_id is not None:
            outbox.enqueue(session, job_id, job.queue)


def describe(error: Exception) -> dict[str, Any]:
    """What a client is told of an error: a code, one line, and whether trying again may help."""
    if isinstance(error, DeadlineError):
        return {"code": "deadline", "detail": "The job took longer than it may.", "retryable": False}
    if isinstance(error, NotFoundError):
        return {"code": "input_missing", "detail": error.detail, "retryable": False}
    if isinstance(error, JobsError):
        return {"code": error.code, "detail": error.detail, "retryable": error.retryable}
    if isinstance(error, MemoryError):
        detail = "There was not enough memory; try a smaller size."
        return {"code": "out_of_memory", "detail": detail, "retryable": True}
    if isinstance(error, ValueError) and type(error) is not ValueError:
        # nst_core's own errors are subclasses whose text is meant for people.
        return {"code": "unusable_input", "detail": str(error), "retryable": False}
    return {
        "code": "internal",
        "detail": f"The worker failed unexpectedly ({type(error).__name__}).",
        "retryable": True,
    }


def _end(context: WorkerContext, run: Run, transition: Any, *values: Any) -> None:
    try:
        with context.sessions.begin() as session:
            transition(session, run, *values)
    except LeaseLostError:
        log.warning("job %s attempt %d lost its lease before it ended", run.job_id, run.attempt)
        _count(context, counters.WRITES_REFUSED)


def _count(context: WorkerContext, name: str) -> None:
    with context.sessions.begin() as session:
        counters.bump(session, name)
