"""Requests for jobs: from a form with pictures, or from JSON that names them, to a `JobRequest`."""

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
from jobs.settings import Settings
from jobs.submission.remote_files import is_remote, read_remote_file
from jobs.submission.request import JobRequest
from params.errors import no_such_field
from web.forms.fields import take_handling
from web.forms.json_body import MAX_BYTES, read_json
from web.forms.multipart import read_form
from web.request_ids import request_id
from web.security.concurrency import CALLER, admit_body, concurrency_limits

_FILES = ("content", "style")
#: Fields that are not parameters of the kind of job.
_FIELDS = ("kind", "style_id", *Handling.model_fields)
#: Most files of one request in JSON: a form has at most 60 parts. Each upload costs a write.
MAX_FILES = 40
#: Most URLs and data URIs of one request: each may take many seconds.
MAX_REMOTE_FILES = 10


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
    settings = atelier.settings
    video_mb = settings.max_video_mb
    total = (settings.max_upload_mb + max(settings.max_upload_mb, video_mb) + 1) * 1_000_000
    # In base64, three bytes take four.
    admit_body(request, MAX_BYTES, total * 4 // 3 + MAX_BYTES)
    body = read_json(request, data_uris=True)
    limit = (video_mb if body.get("kind") == "video" else settings.max_upload_mb) * 1_000_000
    remote = RemoteFiles(request, settings, max_bytes=limit, total_bytes=total)
    params = body.pop("params", {})
    fields = {name: body.pop(name) for name in _FIELDS if name in body}
    named = [name for name in body if _is_file(name, body[name])]
    if len(named) > MAX_FILES:
        raise InvalidParamsError([("files", f"A request may have {MAX_FILES} files.")])
    files: dict[str, Upload | StoredPicture] = {
        name: remote.read(name, value) if is_remote(value) else _stored_upload(atelier, name, value)
        for name, value in [(name, body.pop(name)) for name in named]
    }
    known = ("params", *_FIELDS, *_FILES)
    problems = [(str(name)[:80], no_such_field(name, known)) for name in body]
    if not isinstance(params, dict):
        problems.append(("params", "This must be an object."))
    if problems:
        raise InvalidParamsError(problems)
    return fields, params, files


class RemoteFiles:
    """Reads the URLs and data URIs of one request, within limits of their number and of all bytes."""

    def __init__(
        self, request: Request, settings: Settings, *, max_bytes: int, total_bytes: int
    ) -> None:
        self._request = request
        self._settings = settings
        self._max_bytes = max_bytes
        self._left = total_bytes
        self._count = 0

    def read(self, name: str, text: str) -> Upload:
        """The file of the field `name`. Raises as `read_remote_file`, and `BusyError`."""
        self._count += 1
        if self._count > MAX_REMOTE_FILES:
            detail = f"A request may have {MAX_REMOTE_FILES} URLs and data URIs; upload the others."
            raise InvalidParamsError([(name, detail)])
        # A fetched file is in memory, as that of a large body is.
        admit_body(self._request, 0, self._request.max_content_length or 0)
        with concurrency_limits().slow_slot(self._request.environ[CALLER]):
            limit = min(self._max_bytes, self._left)
            upload = read_remote_file(name, text, self._settings, max_bytes=limit)
        self._left -= len(upload.data)
        return upload


def _is_file(name: str, value: object) -> bool:
    return name in _FILES or (
        (isinstance(value, dict) or is_remote(value)) and re.match(FileField, name) is not None
    )


def _stored_upload(atelier: JobService, name: str, value: object) -> StoredPicture:
    match value:
        case {"upload": str(upload_id), **others} if not others:
            return atelier.uploads.resolve(upload_id, field=f"{name}.upload")
    detail = 'Give an https URL, a data URI, or an upload: {"upload": ID}.'
    raise InvalidParamsError([(name, detail)])
