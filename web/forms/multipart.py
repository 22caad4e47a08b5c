"""Multipart forms: strict parsing into fields and files; unknown and repeated fields are errors."""

from __future__ import annotations

import re
from collections.abc import Collection
from io import BytesIO
from typing import Any

from flask import Request
from werkzeug.exceptions import UnsupportedMediaType

from jobs.errors import InvalidParamsError, PictureTooLargeError
from jobs.media.pictures import Upload
from jobs.params.fields import FileField
from web.forms.text_checks import UNSTORABLE, is_storable


def read_form(
    request: Request, *, files: Collection[str], max_bytes: int, named_files: bool = False
) -> tuple[dict[str, str], dict[str, Upload]]:
    """Parse the text fields and the files of a multipart request.

    `files` are the fields that must be files; with `named_files`, files in other valid fields are
    accepted too. Raises `InvalidParamsError` for a repeated field or one of the wrong type,
    `PictureTooLargeError` for a file above `max_bytes`, and answers 415 to a body that is not a form.
    """
    fields, uploads = read_lists(request, files=files, max_bytes=max_bytes, named_files=named_files)
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
    named_files: bool = False,
) -> tuple[dict[str, list[str]], dict[str, list[Upload]]]:
    """As `read_form`, but the fields in `repeated` may occur more than once."""
    if request.mimetype not in {"multipart/form-data", "application/x-www-form-urlencoded"}:
        raise UnsupportedMediaType("Send multipart/form-data, with the pictures as file fields.")
    problems = []
    names: set[str | None] = {*request.form, *request.files}
    if None in names:
        raise InvalidParamsError([("form", "A part of the form has no name.")])
    for name in {*request.form, *request.files} - {*repeated}:
        if len(request.form.getlist(name)) + len(request.files.getlist(name)) > 1:
            problems.append((name, "This field is repeated."))
    for name, value in request.form.items(multi=True):
        if not (is_storable(name) and is_storable(value)):
            problems.append((name, UNSTORABLE))
        elif name in files:
            problems.append((name, "This must be a file; send its bytes, not its name."))
    for name in request.files:
        if name not in files and not (named_files and re.match(FileField, name)):
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
    stream = file.stream
    # `getvalue` shares the bytes of the form parser, where `read` copies them.
    data = stream.getvalue() if isinstance(stream, BytesIO) else stream.read(max_bytes + 1)
    # The client's file name appears in error messages and is used for nothing else.
    file_name = "".join(filter(str.isprintable, file.filename or ""))[:80]
    label = f"{field} ({file_name})" if file_name else field
    if len(data) > max_bytes:
        raise PictureTooLargeError(
            f"{label} is larger than {max_bytes // 1_000_000} MB.", pointer=field
        )
    return Upload(data=data, field=field, name=label)
