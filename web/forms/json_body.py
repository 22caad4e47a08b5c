"""JSON bodies of requests: one object, of bounded size, with text that a database can store."""

from __future__ import annotations

from typing import Any

from flask import Request

from jobs.errors import InvalidRequestError
from web.forms.text_checks import is_storable

#: Largest body in bytes, far more than a request needs. Parsed JSON takes up to thirty times as much.
MAX_BYTES = 500_000


def read_json(request: Request) -> dict[str, Any]:
    """Parse the body as one JSON object. Raises `InvalidRequestError`; answers 413 to a long body."""
    request.max_content_length = MAX_BYTES
    try:
        body = request.get_json(silent=True)
    except RecursionError:
        raise InvalidRequestError("The body is nested too deeply.") from None
    if not isinstance(body, dict):
        raise InvalidRequestError("The body is not a JSON object, sent as application/json.")
    if not _all_storable(body):
        raise InvalidRequestError("The body has a text with a character that can't be stored (NUL).")
    return body


def _all_storable(value: Any) -> bool:
    # A stack and no recursion: the parser accepts deeper nesting than Python's recursion limit.
    stack = [value]
    while stack:
        match stack.pop():
            case str(text) if not is_storable(text):
                return False
            case dict(members):
                stack += [*members, *members.values()]
            case list(items):
                stack += items
    return True
