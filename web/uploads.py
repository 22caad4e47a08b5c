"""Multipart requests → form fields and uploads, strictly: nothing unknown, nothing twice."""

from __future__ import annotations

import re
from collections.abc import Collection

from flask import Request
from werkzeug.exceptions import UnsupportedMediaType

from jobs.errors import InvalidParamsError, PictureTooLargeError
from jobs.params import PartName
from jobs.submission import Upload


def read_form(
    request: Request, *, files: Collection[str], max_bytes: int, parts: bool = False
) -> tuple[dict[str, str], dict[str, Upload]]:
    """The text fields and the files of a multipart request.

    `files` are the names that must be files; with `parts`, others that look like a field's name may be.
    Raises `InvalidParamsError` for a repeated field or one
    of the wrong sort, `PictureTooLargeError` for a file above `max_bytes`, and answers 415 to anything
    that is not a form.
    """
    if request.mimetype not in {"multipart/form-data", "application/x-www-form-urlencoded"}:
        raise UnsupportedMediaType("Send multipart/form-data, with the pictures as file fields.")
    problems = []
    for name in {*request.form, *request.files}:
        if len(request.form.getlist(name)) + len(request.files.getlist(name)) > 1:
            problems.append((name, "This field came more than once."))
    for name in request.form:
        if name in files:
            problems.append((name, "This must be a file; send its bytes, not its name."))
    for name in request.files:
        if name not in files and not (parts and re.match(PartName, name)):
            problems.append((name, "There is no such file field."))
    if problems:
        raise InvalidParamsError(problems)
    uploads = {}
    for name, file in request.files.items():
        data = file.stream.read(max_bytes + 1)
        # The client's file name is shown back in errors and used for nothing else.
        shown = f"{name} ({file.filename[:80]})" if file.filename else name
        if len(data) > max_bytes:
            raise PictureTooLargeError(
                f"{shown} is larger than {max_bytes // 1_000_000} MB.", pointer=name
            )
        uploads[name] = Upload(data=data, field=name, name=shown)
    return dict(request.form), uploads
