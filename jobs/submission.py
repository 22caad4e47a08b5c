"""A request for a job: checked whole before anything is kept, then written in one transaction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from jobs import lifecycle, outbox
from jobs.db import now
from jobs.errors import InvalidParamsError
from jobs.lifecycle import JobStatus
from jobs.models import Job, JobFile, new_id
from jobs.params import QUEUES, validate_params
from jobs.pictures import PictureInfo, inspect_picture
from jobs.rows import ensure_owner, keep_blob
from jobs.sources import Source, find_sources
from jobs.storage import sha256_of

PRIORITIES = range(-100, 101)


@dataclass(frozen=True, kw_only=True)
class Upload:
    """Bytes that came with a request. `name` is what to call them in errors, and nothing else."""

    data: bytes
    field: str
    name: str


@dataclass(frozen=True, kw_only=True)
class CheckedFile:
    """A picture that is whole."""

    data: bytes
    sha256: str
    info: PictureInfo


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A request that may become a job."""

    kind: str
    params: dict[str, Any]
    #: The job's inputs in order, and the files among them by their field.
    sources: list[Source]
    files: dict[str, CheckedFile]
    priority: int
    owner: str
    idempotency_key: str | None
    #: The SHA-256 of all that was asked.
    request_hash: str


def check_submission(
    kind: str,
    values: dict[str, Any],
    *,
    uploads: Mapping[str, Upload],
    style_id: str | None,
    priority: int,
    idempotency_key: str | None,
    owner: str,
    max_pixels: int,
) -> Submission:
    """Raises `InvalidParamsError`, or what `inspect_picture` raises, unless all is well."""
    params = validate_params(kind, values)
    sources = find_sources(params, style_id, uploads)
    problems = []
    if priority not in PRIORITIES:
        problems.append(("priority", "Priority goes from -100 to 100."))
    if idempotency_key is not None and not 1 <= len(idempotency_key) <= 200:
        problems.append(("Idempotency-Key", "A key has 1 to 200 characters."))
    if problems:
        raise InvalidParamsError(problems)
    files = {field: _check_file(upload, max_pixels) for field, upload in uploads.items()}
    digests = sorted((field, file.sha256) for field, file in files.items())
    asked = [kind, params, priority, style_id, digests]
    return Submission(
        kind=kind,
        params=params,
        sources=sources,
        files=files,
        priority=priority,
        owner=owner,
        idempotency_key=idempotency_key,
        request_hash=sha256_of(json.dumps(asked, sort_keys=True).encode()),
    )


def _check_file(upload: Upload, max_pixels: int) -> CheckedFile:
    info = inspect_picture(upload.data, name=upload.name, max_pixels=max_pixels, pointer=upload.field)
    return CheckedFile(data=upload.data, sha256=sha256_of(upload.data), info=info)


def write_submission(
    session: Session, submission: Submission, styles: Mapping[str, str], *, max_attempts: int
) -> str:
    """Write the job, its files, its first event and its token; returns the job's id.

    `styles` has the SHA-256 of the picture of each registered style that was named, by its id. Raises
    `IntegrityError` if another job took the idempotency key.
    """
    at = now(session)
    ensure_owner(session, submission.owner)
    job = Job(
        id=new_id(),
        owner=submission.owner,
        kind=submission.kind,
        queue=QUEUES[submission.kind],
        priority=submission.priority,
        status=JobStatus.QUEUED,
        params=submission.params,
        idempotency_key=submission.idempotency_key,
        request_hash=submission.request_hash,
        max_attempts=max_attempts,
        run_at=at,
        created_at=at,
    )
    session.add(job)
    for file in submission.files.values():
        keep_blob(session, file.sha256, len(file.data), file.info, at)
    for position, source in enumerate(submission.sources):
        sha256 = (
            submission.files[source.file].sha256
            if source.file is not None
            else styles[source.style_id or ""]
        )
        job.files.append(JobFile(direction="input", role=source.role, position=position, sha256=sha256))
    session.flush()
    lifecycle.record(session, job.id, "state", at, status=JobStatus.QUEUED)
    outbox.enqueue(session, job.id, job.queue)
    return job.id
