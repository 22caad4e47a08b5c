"""Execution of one run: claim, handle, finish. Only this module turns an exception into a job state."""

from __future__ import annotations

import logging
import math
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from jobs.accounts.quotas import check_storage_quota
from jobs.blobs.rows import BeingDeletedError, store_blob, store_file, write_rows
from jobs.blobs.staging import StagedFiles
from jobs.blobs.storage import sha256_of, sha256_of_file
from jobs.blobs.usage import add_usage
from jobs.catalog.network_header import read_header
from jobs.catalog.networks import add_version
from jobs.db import counters
from jobs.db.engine import now, reading, table
from jobs.db.models.jobs import Job, JobFile
from jobs.db.transactions import run_transaction
from jobs.errors import JobCanceledError, JobsError, LeaseLostError, NotFoundError, OverLimitError
from jobs.logs import log_context
from jobs.media.pictures import CheckedFile
from jobs.operations.unlisted_blobs import delete_unlisted
from jobs.params.kinds import KINDS
from jobs.queue import lifecycle, outbox
from jobs.queue.backoff import retry_delay
from jobs.queue.claiming import is_eligible
from jobs.queue.lifecycle import JobStatus, Run
from nst_core.errors import NstError
from worker.batching.claim_more import claim_more
from worker.batching.pipeline import BatchPipeline, RunningBatch
from worker.batching.rendezvous import RenderBatch
from worker.context import WorkerContext
from worker.kinds.handlers import HANDLERS
from worker.lease import DeadlineError, DrainedError, Lease, PausedError
from worker.result import JobResult, OutputFile

_INSERT_FILES = insert(table(JobFile))

log = logging.getLogger(__name__)


def run_next(context: WorkerContext, queue: str, lease_owner: str) -> Run | None:
    """Claim the next eligible job of `queue` and run it to its end. None if there is none.

    With batching, the following jobs of the same shape are claimed and run in parallel threads. A
    worker that claims ahead goes on with the jobs behind them, see `BatchPipeline`.
    """
    claimed = _claim_batch(context, queue, lease_owner)
    if not claimed:
        _count(context, counters.CLAIMS_REFUSED)
        return None
    run, job = claimed[0]
    if context.claims_ahead and job.kind == "stylize":
        pipeline = BatchPipeline(context.drain, lambda: _claim_batch(context, queue, lease_owner))
        pipeline.run(claimed, lambda batch: _start_batch(context, batch))
    elif len(claimed) > 1:
        _start_batch(context, claimed).join()
    else:
        _run(context, job, run)
    return run


def _claim_batch(context: WorkerContext, queue: str, lease_owner: str) -> list[tuple[Run, Job]]:
    """The next eligible job, and those that can be rendered in one pass with it; none if none waits."""
    settings = context.settings

    def claim(session: Session) -> tuple[Run | None, Job | None]:
        run = lifecycle.claim(
            session,
            queue,
            lease_owner,
            settings.lease_seconds,
            max_running=settings.max_running_per_owner,
        )
        return run, None if run is None else session.get_one(Job, run.job_id)

    run, job = run_transaction(context.sessions, claim)
    if run is None or job is None:
        return []
    more = claim_more(
        settings, context.sessions, context.drain, queue, lease_owner, job, context.batch_size
    )
    return [(run, job), *more]


def _start_batch(context: WorkerContext, claimed: list[tuple[Run, Job]]) -> RunningBatch:
    """Run each job in its own thread."""
    batch = RenderBatch((job.id for _, job in claimed), context.device)
    batch_context = context.with_batch(batch)

    def run_one(run: Run, job: Job) -> None:
        try:
            _run(batch_context, job, run)
        finally:
            batch.leave(job.id)

    threads = ThreadPoolExecutor(len(claimed), thread_name_prefix="job")
    ends = [threads.submit(run_one, *each) for each in claimed]
    threads.shutdown(wait=False)
    return RunningBatch(batch.read, ends)


def _run(context: WorkerContext, job: Job, run: Run) -> None:
    with log_context(job_id=run.job_id, request_id=job.request_id):
        _run_bound(context, job, run)


def _run_bound(context: WorkerContext, job: Job, run: Run) -> None:
    settings = context.settings
    is_long = job.queue == "train"
    log.info("job %s attempt %d starts", run.job_id, run.attempt)
    lease = Lease(
        context.sessions,
        run,
        lease_seconds=settings.lease_seconds,
        heartbeat_seconds=settings.heartbeat_seconds,
        deadline_seconds=settings.train_seconds if is_long else settings.job_seconds,
        drain=context.drain,
        # A training checks the drain flag itself, and saves a checkpoint first.
        drain_seconds=math.inf if KINDS[job.kind].controllable else settings.drain_seconds,
    )
    started = time.perf_counter()
    try:
        with lease:
            lease.check()
            result = HANDLERS[job.kind](context, job, lease)
            lease.check()
            result.metrics["run_s"] = round(time.perf_counter() - started, 4)
            _succeed(context, job, run, result)
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
            "job %s attempt %d succeeded in %.3f s", run.job_id, run.attempt, result.metrics["run_s"]
        )
    _wake_next_of_owner(context, job)


def _succeed(context: WorkerContext, job: Job, run: Run, result: JobResult) -> None:
    _check_output_quota(context, job, result)
    # Bytes are stored before rows, so that every row names a blob that exists.
    files = _in_memory(result)
    with StagedFiles(context.storage) as staged:
        if files and staged.add(files):
            new = staged.publish(file.sha256 for file in files)
            stored = [(out, file.sha256) for out, file in zip(result.outputs, files, strict=True)]
            try:
                _write_success(context, job, run, result, stored, files)
            except BeingDeletedError:
                pass  # `_store` waits for the end of the deletion
            except SQLAlchemyError:
                raise  # the database would not answer: maintenance deletes the files
            except Exception:
                delete_unlisted(context.sessions, context.storage, new)
                raise
            else:
                return
    # If the lease is lost, the sweep of unreferenced blobs deletes the bytes.
    stored = [(output, _store(context, output)) for output in result.outputs]
    _write_success(context, job, run, result, stored)


def _in_memory(result: JobResult) -> list[CheckedFile]:
    """The output files, if all of them are in memory; otherwise none."""
    return [
        CheckedFile(data=output.data, sha256=sha256_of(output.data), info=output.info)
        for output in result.outputs
        if isinstance(output.data, bytes)
        and all(isinstance(other.data, bytes) for other in result.outputs)
    ]


def _write_success(
    context: WorkerContext,
    job: Job,
    run: Run,
    result: JobResult,
    stored: list[tuple[OutputFile, str]],
    unlisted: Sequence[CheckedFile] = (),
) -> None:
    """End the job with its outputs, and write the rows of `unlisted` files, in one transaction."""
    with context.sessions.begin() as session:
        at = now(session)
        if unlisted:
            rows = [(file.sha256, len(file.data), file.info) for file in unlisted]
            write_rows(session, rows, at)
            # A sweep may have ended since the files were stored; now none begins.
            if not all(context.storage.exists(file.sha256) for file in unlisted):
                raise BeingDeletedError
        lifecycle.succeed(session, run, result.metrics, network_version=result.network_version, at=at)
        add_usage(session, job.owner, [sha256 for _, sha256 in stored])
        outputs = [
            {"role": output.role, "position": position, "sha256": sha256}
            for position, (output, sha256) in enumerate(stored)
        ]
        if outputs:
            of_job = {"job_id": run.job_id, "direction": "output"}
            session.execute(_INSERT_FILES, [of_job | output for output in outputs])
        if result.publish is not None:
            _publish(session, job, result.publish, stored)
    if result.folder is not None:
        shutil.rmtree(result.folder, ignore_errors=True)


def _check_output_quota(context: WorkerContext, job: Job, result: JobResult) -> None:
    """Raise `OverLimitError` if the outputs do not fit into the owner's storage quota."""
    max_mb = context.settings.max_mb_per_owner
    if not max_mb:
        return
    sizes = dict(_digest_and_size(output.data) for output in result.outputs)
    with reading(context.sessions) as session:
        check_storage_quota(session, job.owner, max_mb, sizes)


def _digest_and_size(data: bytes | Path) -> tuple[str, int]:
    if isinstance(data, Path):
        return sha256_of_file(data), data.stat().st_size
    return sha256_of(data), len(data)


def _store(context: WorkerContext, output: OutputFile) -> str:
    if isinstance(output.data, Path):
        return store_file(context.sessions, context.storage, output.data, output.info)
    return store_blob(context.sessions, context.storage, output.data, output.info)


def _publish(session: Session, job: Job, name: str, stored: list[tuple[OutputFile, str]]) -> None:
    """Register the trained network under `name`, in the transaction of the job's success."""
    output, sha256 = next(each for each in stored if each[0].role == "network")
    samples = [sha for other, sha in stored if other.role == "image"]
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
    """Fail the job if the error is permanent or no attempt is left; else queue it again."""
    described = describe(error)
    folders = (context.settings.home, Path(tempfile.gettempdir()))
    described["detail"] = without_folders(described["detail"], folders)
    with reading(context.sessions) as session:
        left = session.get_one(Job, run.job_id).attempts_left
    if not described["retryable"] or left <= 0:
        log.error("job %s failed: %s", run.job_id, described["detail"], exc_info=error)
        _end(context, run, lifecycle.fail, described)
        return
    delay = retry_delay(run.attempt, context.settings.retry_seconds)
    log.warning("job %s will be tried again in %.1f s", run.job_id, delay, exc_info=error)

    def retry(session: Session, run: Run) -> None:
        status = lifecycle.requeue(session, run, reason="retry", delay_seconds=delay, error=described)
        if status == JobStatus.QUEUED:
            outbox.enqueue(session, run.job_id, job.queue, delay_seconds=delay)

    _end(context, run, retry)


def _put_back(session: Session, run: Run, job: Job, reason: str) -> None:
    status = lifecycle.requeue(session, run, reason=reason, spend_attempt=False)
    if status == JobStatus.QUEUED:
        outbox.enqueue(session, run.job_id, job.queue)


def _wake_next_of_owner(context: WorkerContext, job: Job) -> None:
    """Send a token for the owner's next queued job, if running jobs per owner are limited.

    A worker may have received the token of that job earlier, found the owner at the limit, and used the
    token up without claiming the job.
    """
    if not context.settings.max_running_per_owner:
        return
    with context.sessions.begin() as session:
        of_owner = select(Job.id).where(Job.owner == job.owner, Job.queue == job.queue).limit(1)
        job_id = session.scalar(of_owner.where(is_eligible(now(session))))
        if job_id is not None:
            outbox.enqueue(session, job_id, job.queue)


def without_folders(text: str, folders: Iterable[Path]) -> str:
    """The text with only the names of files below `folders`: clients need not know where they are."""
    for folder in folders:
        text = re.sub(re.escape(str(folder)) + r"(?:/[^/\s]+)*/([^/\s]+)", r"\1", text)
    return text


def describe(error: Exception) -> dict[str, Any]:
    """The error as clients see it: a code, a detail of one line, and whether a retry may help."""
    if isinstance(error, DeadlineError):
        return {"code": "deadline", "detail": "The job took longer than it may.", "retryable": False}
    if isinstance(error, NotFoundError):
        return {"code": "input_missing", "detail": error.detail, "retryable": False}
    if isinstance(error, OverLimitError):
        # Another attempt would render the same files again; the owner may retry after deleting some.
        return {"code": error.code, "detail": error.detail, "retryable": False}
    if isinstance(error, JobsError):
        return {"code": error.code, "detail": error.detail, "retryable": error.retryable}
    if isinstance(error, MemoryError):
        detail = "There was not enough memory; try a smaller size."
        return {"code": "out_of_memory", "detail": detail, "retryable": True}
    if isinstance(error, NstError):
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
