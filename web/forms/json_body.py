"""JSON bodies of requests: one object, of bounded size, with text that a database can store."""

from __future__ import annotations

import json
import re
import secrets
from typing import Any

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge

from jobs.errors import InvalidRequestError
from web.forms.text_checks import is_storable

#: Largest body in bytes, far more than a request needs. Parsed JSON takes up to thirty times as much.
MAX_BYTES = 500_000


#: A `data:` URI (printable ASCII) that is a whole JSON string. Some encoders escape its slashes.
_DATA_URI = re.compile(rb'(?<!\\)"data:(?:[ !#-\[\]-~]|\\/)*+"')


def read_json(request: Request, *, data_uris: bool = False) -> dict[str, Any]:
    """Parse the body as one JSON object. Raises `InvalidRequestError`; answers 413 to a long body.

    With `data_uris`, fields may be `data:` URIs. The caller then limits the length of the body, and
    `MAX_BYTES` is the limit of all but these URIs, which are no work for the parser.
    """
    if not data_uris:
        request.max_content_length = MAX_BYTES
    data = request.get_data(cache=False)
    found: dict[str, str] = {}
    if data_uris:
        data, found = _without_data_uris(data)
    try:
        body = json.loads(data) if request.is_json else None
    except RecursionError:
        raise InvalidRequestError("The body is nested too deeply.") from None
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise InvalidRequestError("The body is not a JSON object, sent as application/json.")
    if not _all_storable(body):
        raise InvalidRequestError("The body has a text with a character that can't be stored (NUL).")
    return {
        name: found.get(value, value) if isinstance(value, str) else value
        for name, value in body.items()
    }


def _without_data_uris(data: bytes) -> tuple[bytes, dict[str, str]]:
    """The body with a short text in place of each `data:` URI, and the URIs by these texts."""
    found: dict[str, str] = {}
    mark = secrets.token_hex(8)  # no text of the body can be taken for one of ours

    def take_out(match: re.Match[bytes]) -> bytes:
        name = f"data:{mark}:{len(found)}"
        # No slices of bytes: each would be a copy of a long body.
        uri = memoryview(data)[match.start() + 1 : match.end() - 1]
        found[name] = str(uri, "ascii").replace("\\/", "/")
        return f'"{name}"'.encode()

    short = _DATA_URI.sub(take_out, data)
    if len(short) > MAX_BYTES:
        raise RequestEntityTooLarge(f"The JSON is longer than {MAX_BYTES // 1000} kB.")
    return short, found


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
