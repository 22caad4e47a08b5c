"""Inserts a job: its row, files, first events and token, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, insert, select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from jobs.accounts.expiry import expiry
from jobs.db.engine import new_id, table
from jobs.db.models.blobs import Blob
from jobs.db.models.jobs import Job, JobFile
from jobs.media.pictures import CheckedFile
from jobs.queue import lifecycle, outbox
from jobs.queue.lifecycle import JobStatus
from jobs.queue.outbox import Token
from jobs.submission.result_cache import result_key
from jobs.submission.validation import Submission

_JOBS = table(Job)
_INSERT_JOB, _INSERT_FILES = insert(_JOBS), insert(table(JobFile))
_BLOBS = select(Blob).where(Blob.sha256.in_(bindparam("names", expanding=True)))
#: Values of columns whose defaults belong to the ORM, which the inserts below don't use.
_DEFAULTS = {
    column.name: column.default.arg  # type: ignore[attr-defined] # true of a scalar
    for column in _JOBS.columns
    if column.default is not None and column.default.is_scalar
}
_COLUMNS = _JOBS.columns.keys()


def insert_job(
    session: Session,
    submission: Submission,
    at: datetime,
    *,
    max_attempts: int,
    retention: int,
    batch_id: str | None = None,
    cached_result: Job | None = None,
    files: Mapping[str, CheckedFile],
) -> tuple[Job, Token | None]:
    """Insert the job, its files, first events and token; returns the job and the token.

    The rows of its files must exist; `files` are those of the request by their SHA-256. The job is kept
    for `retention` seconds (0: for ever) after `at`, or for its `expires_in` if that is less. With
    `cached_result`, an earlier job, the new job has succeeded with its outputs and needs no worker.
    Raises `IntegrityError` if another job has the id or the idempotency key.
    """
    handling = submission.handling
    after = handling.cancel_after
    values: dict[str, Any] = {
        "id": submission.job_id or new_id(),
        "owner": submission.owner,
        "kind": submission.kind,
        "queue": submission.queue,
        "priority": handling.priority,
        "status": JobStatus.QUEUED,
        "params": submission.params,
        "idempotency_key": submission.idempotency_key,
        "request_hash": submission.request_hash,
        "request_id": submission.request_id,
        "webhook_url": submission.webhook.url if submission.webhook else None,
        "webhook_events": " ".join(submission.webhook.events) if submission.webhook else None,
        "max_attempts": max_attempts,
        "dataset_id": submission.params.get("dataset_id"),
        "run_at": at,
        "cancel_at": None if after is None else at + timedelta(seconds=after),
        "batch_id": batch_id,
        "retried_from": submission.retried_from,
        "use_cache": handling.use_cache,
        "result_key": result_key(submission.kind, submission.params, submission.inputs),
        "created_at": at,
        "expires_at": expiry(at, retention, handling.expires_in),
    }
    rows = [
        {"direction": "input", "role": role, "position": position, "sha256": sha256}
        for position, (role, sha256) in enumerate(submission.inputs)
    ]
    if cached_result is not None:
        values |= {
            "status": JobStatus.SUCCEEDED,
            "cached": True,
            "finished_at": at,
            "network_version": cached_result.network_version,
            "metrics": {"cached_from": cached_result.id},
        }
        rows += [
            {"direction": "output", "role": file.role, "position": file.position, "sha256": file.sha256}
            for file in cached_result.outputs
        ]
    return _insert(session, values, rows, files)


def _insert(
    session: Session,
    values: dict[str, Any],
    rows: list[dict[str, Any]],
    files: Mapping[str, CheckedFile],
) -> tuple[Job, Token | None]:
    # Plain inserts: every submit executes them, and the ORM's bookkeeping takes longer than they do.
    values = dict.fromkeys(_COLUMNS) | _DEFAULTS | values
    session.execute(_INSERT_JOB, values)
    job_id, at = values["id"], values["created_at"]
    if rows:
        session.execute(_INSERT_FILES, [{"job_id": job_id, **row} for row in rows])
    lifecycle.record_event(session, job_id, "state", at, status=JobStatus.QUEUED)
    token = None
    if values["status"] == JobStatus.QUEUED:
        token = outbox.enqueue(session, job_id, values["queue"], at=at)
    else:
        lifecycle.record_event(session, job_id, "state", at, status=values["status"], cached=True)
    return _as_read(session, values, rows, files), token


def _as_read(
    session: Session,
    values: dict[str, Any],
    rows: list[dict[str, Any]],
    files: Mapping[str, CheckedFile],
) -> Job:
    """The job with its files, as if it had been read from the database."""
    blobs = {
        name: Blob(sha256=name, size=len(file.data), **vars(file.info)) for name, file in files.items()
    }
    others = {row["sha256"] for row in rows} - blobs.keys()
    if others:
        found = session.scalars(_BLOBS, {"names": list(others)})
        blobs |= {blob.sha256: blob for blob in found}
    job = Job(**values)
    made = [JobFile(job_id=job.id, **row) for row in rows]
    for file in made:
        set_committed_value(file, "blob", blobs[file.sha256])
    set_committed_value(job, "files", made)
    return job
