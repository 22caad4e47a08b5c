"""Requests for jobs: from a form with pictures, or from JSON that names uploads, to a `JobRequest`."""

from __future__ import annotations

import re
from typing import Any

from flask import Request

from jobs.errors import InvalidParamsError
from jobs.media.pictures import StoredPicture, Upload
from jobs.params.fields import FileField
from jobs.params.handling import Handling
from jobs.params.kinds import DEFAULT_KIND, KINDS
from jobs.service import JobService
from jobs.submission.request import JobRequest
from web.forms.fields import take_handling
from web.forms.json_body import read_json
from web.forms.multipart import read_form
from web.request_ids import request_id
from web.security.concurrency import admit_body

_FILES = ("content", "style")
#: Fields that are not parameters of the kind of job.
_FIELDS = ("kind", "style_id", *Handling.model_fields)


def read_job_request(
    request: Request, atelier: JobService, *, idempotency_key: str | None, job_id: str | None
) -> JobRequest:
    """Parse a request for a job.

    Raises as `read_form` and `read_json`, and `InvalidParamsError` for uploads that don't exist.
    """
    read = _read_json if request.mimetype == "application/json" else _read_form
    fields, params, files = read(request, atelier)
    handling = take_handling(fields, request.headers.get("Cancel-After"))
    style_id = fields.get("style_id")
    return JobRequest(
        kind=str(fields.get("kind", DEFAULT_KIND)),
        params=params,
        files=files,
        style_id=None if style_id is None else str(style_id),
        handling=handling,
        idempotency_key=idempotency_key,
        job_id=job_id,
        request_id=request_id(),
    )


def _read_form(
    request: Request, atelier: JobService
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Upload | StoredPicture]]:
    settings = atelier.settings
    usual = 2 * settings.max_upload_mb
    largest = max(usual, settings.max_upload_mb + settings.max_video_mb)
    admit_body(request, (usual + 1) * 1_000_000, (largest + 1) * 1_000_000)
    kind = KINDS.get(request.form.get("kind", DEFAULT_KIND))
    video = kind is not None and kind.content == "video"
    limit = (settings.max_video_mb if video else settings.max_upload_mb) * 1_000_000
    form, uploads = read_form(request, files=_FILES, max_bytes=limit, named_files=True)
    fields = {name: form.pop(name) for name in _FIELDS if name in form}
    return fields, dict(form), dict(uploads)


def _read_json(
    request: Request, atelier: JobService
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Upload | StoredPicture]]:
    body = read_json(request)
    params = body.pop("params", {})
    fields = {name: body.pop(name) for name in _FIELDS if name in body}
    files: dict[str, Upload | StoredPicture] = {
        name: _stored_upload(atelier, name, body.pop(name))
        for name in list(body)
        if name in _FILES or (isinstance(body[name], dict) and re.match(FileField, name))
    }
    problems = [(str(name)[:80], "There is no such field.") for name in body]
    if not isinstance(params, dict):
        problems.append(("params", "This must be an object."))
    if problems:
        raise InvalidParamsError(problems)
    return fields, params, files


def _stored_upload(atelier: JobService, name: str, value: object) -> StoredPicture:
    match value:
        case {"upload": str(upload_id), **others} if not others:
            return atelier.uploads.resolve(upload_id, field=f"{name}.upload")
    raise InvalidParamsError([(name, 'Name an upload: {"upload": ID}.')])
