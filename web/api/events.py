"""`/v1/jobs/{id}/events`: server-sent events, read from the database, so that they survive restarts."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable, Iterator

from flask import Blueprint, Response, request
from sqlalchemy.exc import DBAPIError

from jobs.errors import NotFoundError
from jobs.service import JobService
from web.current import service
from web.errors import problem
from web.openapi.operation import data, describe
from web.security.access import access_watch
from web.security.concurrency import concurrency_limits

log = logging.getLogger(__name__)
blueprint = Blueprint("events", __name__, url_prefix="/v1/jobs")

_EVENTS = "`state`, `progress` and `cancel`; of trainings also `sample`, `notice`, `pause`, `finish`"
#: Longest time in seconds that a stream waits for a change of the job before it looks again.
WAIT_SECONDS = 1.0
PING_SECONDS = 15.0
#: Length of a stream in seconds; the browser then opens the next and continues after the last event.
MAX_SECONDS = 300.0
#: A valid `Last-Event-ID`; with any other, the stream starts with the first event.
_SEQ = re.compile("[0-9]{1,18}")


@blueprint.get("/<job_id>/events")
@describe(
    "Jobs", {200: data(_EVENTS, "text/event-stream", schema={"type": "string"})}, problems=(404, 503)
)
def events(job_id: str) -> Response:
    """Stream a job's events; `Last-Event-ID` is the last event that the client has."""
    atelier = service()
    atelier.version(job_id)
    last = request.headers.get("Last-Event-ID", "0")
    after = int(last) if _SEQ.fullmatch(last) else 0
    limits = concurrency_limits()
    if not limits.try_acquire_stream():
        return problem(503, "too_many_streams", "Too many event streams; poll instead.", retryable=True)
    response = Response(_stream(atelier, job_id, after, access_watch()), mimetype="text/event-stream")
    # Also runs when the client left before the first byte and the generator never started.
    response.call_on_close(limits.release_stream)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _stream(
    atelier: JobService, job_id: str, after: int, has_access: Callable[[], bool]
) -> Iterator[str]:
    yield "retry: 2000\n\n"
    try:
        yield from _events(atelier, job_id, after, has_access)
    except NotFoundError:
        return  # deleted meanwhile
    except DBAPIError as error:
        # The status line is sent already: the stream can only end. Clients reconnect.
        log.warning("a stream ended early, the database failed: %s", error)


def _events(
    atelier: JobService, job_id: str, after: int, has_access: Callable[[], bool]
) -> Iterator[str]:
    started = pinged = time.monotonic()
    while time.monotonic() - started < MAX_SECONDS:
        if not has_access():
            return
        # Read before the events: a job that has ended here has written its last event already.
        seen = atelier.version(job_id)
        while fresh := atelier.events(job_id, after):  # events are read in pages
            for event in fresh:
                after = event.seq
                yield f"id: {event.seq}\nevent: {event.type}\ndata: {json.dumps(event.data)}\n\n"
        if seen.ended:
            return
        if time.monotonic() - pinged > PING_SECONDS:
            pinged = time.monotonic()
            yield ": ping\n\n"
        # Every event comes with a new version of the job's row.
        atelier.wait_for_change(job_id, WAIT_SECONDS, version=seen.version)
