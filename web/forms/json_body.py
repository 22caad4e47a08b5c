"""JSON that came with a request: one object, of a bounded size, with nothing that can't be kept."""

from __future__ import annotations

from typing import Any

from flask import Request

from jobs.errors import InvalidRequestError
from web.forms.text_checks import is_kept

#: Far more than any request needs. Parsed, JSON takes up to thirty times its bytes.
MOST_BYTES = 500_000


def read_json(request: Request) -> dict[str, Any]:
    """The object in the request's body. Raises `InvalidRequestError`; 413 for one that is too long."""
    request.max_content_length = MOST_BYTES
    try:
        body = request.get_json(silent=True)
    except RecursionError:
        raise InvalidRequestError("The body is nested too deeply.") from None
    if not isinstance(body, dict):
        raise InvalidRequestError("The body is not a JSON object, sent as application/json.")
    if not _all_kept(body):
        raise InvalidRequestError("The body has a text with a character that can't be kept (NUL).")
    return body


def _all_kept(value: Any) -> bool:
    # A list of what is left to see and no recursion: the parser goes deeper than Python does.
    left = [value]
    while left:
        match left.pop():
            case str(text) if not is_kept(text):
                return False
            case dict(members):
                left += [*members, *members.values()]
            case list(items):
                left += items
    return True
