"""The header `Range` (RFC 9110, section 14): a range that does not apply is ignored, not refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from flask import Request

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_ONE_RANGE = re.compile(r"bytes=\s*([0-9]{0,100})-([0-9]{0,100})\s*", re.IGNORECASE)


def range_environ(request: Request, size: int) -> WSGIEnvironment:
    """The WSGI environment of `request`, with the `Range` that applies to `size` bytes, or without one.

    werkzeug answers 416 to ranges that RFC 9110 has a server ignore: of another unit, not well formed,
    on other methods than GET, or with a weak `If-Range`. Several ranges may be ignored, and are. A
    suffix that is longer than the file means the whole file.
    """
    environ = dict(request.environ)
    environ.pop("HTTP_RANGE", None)
    weak = request.headers.get("If-Range", "").startswith("W/")
    applicable = _applicable(request.headers.get("Range", ""), size)
    if applicable is not None and request.method == "GET" and not weak:
        environ["HTTP_RANGE"] = applicable
    return environ


def _applicable(header: str, size: int) -> str | None:
    match = _ONE_RANGE.fullmatch(header)
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        return f"bytes=-{last}" if int(last) <= size else "bytes=0-"
    if last and int(last) < int(first):
        return None
    return f"bytes={first}-{last}"
