"""Request ids and the access log.

The id is the caller's `X-Request-ID` or a new one; it is answered, logged and stored with jobs.
"""

from __future__ import annotations

import logging
import re
import time
import uuid
from contextlib import ExitStack

from flask import Flask, Response, g, request

from jobs.logs import log_context

HEADER = "X-Request-ID"
#: Request ids that a caller may choose; others are replaced, because ids are written to logs.
_USABLE = re.compile(r"[A-Za-z0-9._:/+=-]{1,64}")
#: Paths that monitoring polls every few seconds; their log lines would hide all others.
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})

log = logging.getLogger("web.security.access")


def register(app: Flask) -> None:
    """Register the hooks that give every request an id, and a log line when it is answered."""
    app.before_request(_begin)
    app.after_request(_answer)
    app.teardown_request(_end)


def request_id() -> str:
    """The id of the current request."""
    found: str = g.request_id
    return found


def _begin() -> None:
    given = request.headers.get(HEADER, "")
    g.request_id = given if _USABLE.fullmatch(given) else uuid.uuid4().hex
    g.started = time.perf_counter()
    g.log_ids = ExitStack()
    g.log_ids.enter_context(log_context(request_id=g.request_id))


def _answer(response: Response) -> Response:
    response.headers[HEADER] = g.request_id
    if request.path not in _QUIET and not request.path.startswith("/static/"):
        milliseconds = round((time.perf_counter() - g.started) * 1000, 1)
        fields = {"status": response.status_code, "ms": milliseconds}
        log.info("%s %s", request.method, _logged_path(), extra={"fields": fields})
    return response


def _logged_path() -> str:
    """The path without its query, which may be private; of a signed link, without its token."""
    if request.endpoint == "links.output":
        return "/v1/outputs/…"
    return request.path


def _end(_: BaseException | None) -> None:
    if "log_ids" in g:
        g.log_ids.close()
