"""Every request has an id, the caller's `X-Request-ID` or one of ours: answered, logged and kept."""

from __future__ import annotations

import logging
import re
import time
import uuid
from contextlib import ExitStack
from io import BytesIO
from typing import Any

from flask import Flask, Request, Response, g, request

from jobs.logs import log_context

HEADER = "X-Request-ID"
#: What a caller may call a request; anything else is replaced, as it ends up in logs.
_USABLE = re.compile(r"[A-Za-z0-9._:/+=-]{1,64}")
#: Asked every few seconds by machines; a line for each would drown the rest.
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})

log = logging.getLogger("web.security.access")


class MemoryRequest(Request):
    """A request whose files stay in memory, which is where every one of them is read to anyway.

    How much that may be is `MAX_CONTENT_LENGTH`'s to say. A file on disk would be written and read for
    nothing.
    """

    def _get_file_stream(self, *args: Any, **kwargs: Any) -> BytesIO:
        return BytesIO()


def register(app: Flask) -> None:
    """Give every request its id, and a line in the log when it is answered."""
    app.request_class = MemoryRequest
    app.before_request(_begin)
    app.after_request(_answer)
    app.teardown_request(_end)


def request_id() -> str:
    """The id of the request at hand."""
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
        took = round((time.perf_counter() - g.started) * 1000, 1)
        fields = {"status": response.status_code, "ms": took}
        log.info("%s %s", request.method, _shown_path(), extra={"fields": fields})
    return response


def _shown_path() -> str:
    """The path alone: a query may hold what is nobody else's business; of a link, not what it opens."""
    if request.endpoint == "links.output":
        return "/v1/outputs/…"
    return request.path


def _end(_: BaseException | None) -> None:
    if "log_ids" in g:
        g.log_ids.close()
