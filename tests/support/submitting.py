"""Submits jobs through the service, as the web does, with short arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.db.models.jobs import Job
from jobs.media.pictures import StoredPicture, Upload
from jobs.params.handling import Handling
from jobs.params.validate import validated
from jobs.service import JobService
from jobs.submission.batches import BatchInfo
from jobs.submission.request import BatchRequest, JobRequest

File = Upload | StoredPicture


def submit_job(
    service: JobService,
    kind: str,
    params: dict[str, Any],
    *,
    content: File | None = None,
    style: File | None = None,
    style_id: str | None = None,
    named_files: Mapping[str, File] | None = None,
    idempotency_key: str | None = None,
    job_id: str | None = None,
    request_id: str | None = None,
    **handling: Any,
) -> Job:
    files = {"content": content, "style": style, **(named_files or {})}
    return service.submit(
        JobRequest(
            kind=kind,
            params=params,
            files={name: file for name, file in files.items() if file is not None},
            style_id=style_id,
            handling=validated(Handling, handling),
            idempotency_key=idempotency_key,
            job_id=job_id,
            request_id=request_id,
        )
    )


def submit_batch(service: JobService, kind: str, params: dict[str, Any], **request: Any) -> BatchInfo:
    handling = {name: request.pop(name) for name in Handling.model_fields if name in request}
    return service.batches.submit(
        BatchRequest(kind=kind, params=params, handling=validated(Handling, handling), **request)
    )
