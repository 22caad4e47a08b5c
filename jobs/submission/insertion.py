"""Inserts a job: its row, files, first events and token, in one transaction."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from jobs.accounts.expiry import expiry
from jobs.db.engine import new_id, now
from jobs.db.models.blobs import Blob
from jobs.db.models.jobs import Job, JobFile
from jobs.db.models.operations import OutboxMessage
from jobs.queue import lifecycle, outbox
from jobs.queue.lifecycle import JobStatus
from jobs.submission.result_cache import result_key
from jobs.submission.validation import Submission

_BLOBS = select(Blob).where(Blob.sha256.in_(bindparam("names", expanding=True)))


def insert_job(
    session: Session,
    submission: Submission,
    *,
    max_attempts: int,
    retention: int,
    batch_id: str | None = None,
    batch_index: int = 0,
    cached_result: Job | None = None,
) -> tuple[Job, OutboxMessage | None]:
    """Insert the job, its files, first events and token; returns the job and the token.

    The pictures must be in storage. The job is kept for `retention` seconds (0: for ever), or for its
    `expires_in` if that is less. `batch_index` is the number of the job in its batch: jobs run in that
    order. With `cached_result`, an earlier job, the new job has succeeded with its outputs
    and needs no worker. Raises `IntegrityError` if another job has the id or the idempotency key.
    """
    at = now(session) + timedelta(microseconds=batch_index)
    handling = submission.handling
    after = handling.cancel_after
    job = Job(
        id=submission.job_id or new_id(),
        owner=submission.owner,
        kind=submission.kind,
        queue=submission.queue,
        priority=handling.priority,
        status=JobStatus.QUEUED,
        params=submission.params,
        idempotency_key=submission.idempotency_key,
        request_hash=submission.request_hash,
        request_id=submission.request_id,
        webhook_url=submission.webhook.url if submission.webhook else None,
        webhook_events=" ".join(submission.webhook.events) if submission.webhook else None,
        max_attempts=max_attempts,
        dataset_id=submission.params.get("dataset_id"),
        run_at=at,
        cancel_at=None if after is None else at + timedelta(seconds=after),
        batch_id=batch_id,
        retried_from=submission.retried_from,
        use_cache=handling.use_cache,
        result_key=result_key(submission.kind, submission.params, submission.inputs),
        created_at=at,
        expires_at=expiry(at, retention, handling.expires_in),
    )
    session.add(job)
    for position, (role, sha256) in enumerate(submission.inputs):
        job.files.append(JobFile(direction="input", role=role, position=position, sha256=sha256))
    lifecycle.record_event(session, job.id, "state", at, status=JobStatus.QUEUED)
    if cached_result is not None:
        _copy_result(session, job, cached_result)
    session.flush()
    token = outbox.enqueue(session, job.id, job.queue) if cached_result is None else None
    # The caller gets the job with its files, as if it had been read from the database.
    blobs = session.scalars(_BLOBS, {"names": [file.sha256 for file in job.files]})
    by_name = {blob.sha256: blob for blob in blobs}
    for file in job.files:
        set_committed_value(file, "blob", by_name[file.sha256])
    return job, token


def _copy_result(session: Session, job: Job, cached_result: Job) -> None:
    job.status = JobStatus.SUCCEEDED
    job.cached = True
    job.finished_at = job.created_at
    job.network_version = cached_result.network_version
    job.metrics = {"cached_from": cached_result.id}
    for file in cached_result.outputs:
        values = {"role": file.role, "position": file.position, "sha256": file.sha256}
        job.files.append(JobFile(direction="output", **values))
    lifecycle.record_event(session, job.id, "state", job.created_at, status=job.status, cached=True)
