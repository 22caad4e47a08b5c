"""Requests → fields and pictures, strictly: nothing unknown, nothing twice."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from flask import Request
from werkzeug.exceptions import UnsupportedMediaType

from jobs.errors import InvalidParamsError, PictureTooLargeError
from jobs.media.pictures import StoredPicture, Upload
from jobs.params.fields import FileField
from jobs.service import JobService
from web.forms.json_body import read_json
from web.forms.text_checks import UNKEPT, is_kept
from web.security.concurrency import admit_body


def read_form(
    request: Request, *, files: Collection[str], max_bytes: int, parts: bool = False
) -> tuple[dict[str, str], dict[str, Upload]]:
    """The text fields and the files of a multipart request.

    `files` are the names that must be files; with `parts`, others that look like a field's name may be.
    Raises `InvalidParamsError` for a repeated field or one
    of the wrong sort, `PictureTooLargeError` for a file above `max_bytes`, and answers 415 to anything
    that is not a form.
    """
    fields, uploads = read_lists(request, files=files, max_bytes=max_bytes, parts=parts)
    return (
        {name: values[0] for name, values in fields.items()},
        {name: values[0] for name, values in uploads.items()},
    )


def read_lists(
    request: Request,
    *,
    files: Collection[str],
    max_bytes: int,
    repeated: Collection[str] = (),
    parts: bool = False,
) -> tuple[dict[str, list[str]], dict[str, list[Upload]]]:
    """As `read_form`, but the fields that are `repeated` may come more than once."""
    if request.mimetype not in {"multipart/form-data", "application/x-www-form-urlencoded"}:
        raise UnsupportedMediaType("Send multipart/form-data, with the pictures as file fields.")
    problems = []
    names: set[str | None] = {*request.form, *request.files}
    if None in names:
        raise InvalidParamsError([("form", "A part of the form has no name.")])
    for name in {*request.form, *request.files} - {*repeated}:
        if len(request.form.getlist(name)) + len(request.files.getlist(name)) > 1:
            problems.append((name, "This field came more than once."))
    for name, value in request.form.items(multi=True):
        if not (is_kept(name) and is_kept(value)):
            problems.append((name, UNKEPT))
        elif name in files:
            problems.append((name, "This must be a file; send its bytes, not its name."))
    for name in request.files:
        if name not in files and not (parts and re.match(FileField, name)):
            problems.append((name, "There is no such file field."))
    if problems:
        raise InvalidParamsError(problems)
    uploads: dict[str, list[Upload]] = {}
    for name, received in request.files.lists():
        for number, file in enumerate(received):
            field = f"{name}[{number}]" if name in repeated else name
            uploads.setdefault(name, []).append(_read(file, field, max_bytes))
    return dict(request.form.lists()), uploads


def _read(file: Any, field: str, max_bytes: int) -> Upload:
    data = file.stream.read(max_bytes + 1)
    # The client's file name is shown back in errors and used for nothing else.
    said = "".join(filter(str.isprintable, file.filename or ""))[:80]
    shown = f"{field} ({said})" if said else field
    if len(data) > max_bytes:
        raise PictureTooLargeError(
            f"{shown} is larger than {max_bytes // 1_000_000} MB.", pointer=field
        )
    return Upload(data=data, field=field, name=shown)


def read_job(
    request: Request, atelier: JobService, *, files: Collection[str], parts: bool = False
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Upload | StoredPicture]]:
    """Fields, parameters and pictures of a request for a job: a form, or JSON that names uploads.

    Raises what `read_form` and `read_json` raise, and
    `InvalidParamsError` for uploads that are not there.
    """
    settings = atelier.settings
    if request.mimetype != "application/json":
        usual = 2 * settings.max_upload_mb
        largest = max(usual, settings.max_upload_mb + settings.max_video_mb)
        admit_body(request, (usual + 1) * 1_000_000, (largest + 1) * 1_000_000)
        video = request.form.get("kind") == "video"
        limit = (settings.max_video_mb if video else settings.max_upload_mb) * 1_000_000
        form, uploads = read_form(request, files=files, max_bytes=limit, parts=parts)
        named = {name: form.pop(name) for name in JOB_FIELDS if name in form}
        return named, dict(form), dict(uploads)
    body = read_json(request)
    params = body.pop("params", {})
    named = {name: body.pop(name) for name in JOB_FIELDS if name in body}
    pictures: dict[str, Upload | StoredPicture] = {
        name: _kept(atelier, name, body.pop(name))
        for name in list(body)
        if name in files or (parts and isinstance(body[name], dict) and re.match(FileField, name))
    }
    problems = [(str(name)[:80], "There is no such field.") for name in body]
    if not isinstance(params, dict):
        problems.append(("params", "This must be an object."))
    if problems:
        raise InvalidParamsError(problems)
    return named, params, pictures


#: Fields of a request for a job that are no parameters of its kind.
JOB_FIELDS = (
    "kind",
    "style_id",
    "priority",
    "cancel_after",
    "use_cache",
    "expires_in",
    "webhook_url",
    "webhook_events",
)


def _kept(atelier: JobService, name: str, value: object) -> StoredPicture:
    match value:
        case {"upload": str(upload_id), **others} if not others:
            return atelier.uploads.resolve(upload_id, field=f"{name}.upload")
    raise InvalidParamsError([(name, 'Name an upload: {"upload": ID}.')])
