"""`/v1/jobs/{id}/events`: server-sent events from SQL, so that they survive every restart."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Iterator

from flask import Blueprint, Response, request
from sqlalchemy.exc import DBAPIError

from jobs.errors import NotFoundError
from jobs.queue.lifecycle import FINAL
from jobs.service import JobService
from web.current import service
from web.errors import problem
from web.security.concurrency import seats

log = logging.getLogger(__name__)
blueprint = Blueprint("events", __name__, url_prefix="/v1/jobs")

POLL_SECONDS = 0.25
PING_SECONDS = 15.0
#: A stream ends after this long and the browser opens the next, going on where it was.
MAX_SECONDS = 300.0
#: What can be the number of an event; all else begins at the beginning.
_SEQ = re.compile("[0-9]{1,18}")


@blueprint.get("/<job_id>/events")
def events(job_id: str) -> Response:
    """Progress and states as they come; `Last-Event-ID` says where to go on."""
    atelier = service()
    atelier.get(job_id)
    last = request.headers.get("Last-Event-ID", "0")
    after = int(last) if _SEQ.fullmatch(last) else 0
    here = seats()
    if not here.take_for_stream():
        return problem(503, "too_many_streams", "Too many event streams; poll instead.", retryable=True)
    response = Response(_stream(atelier, job_id, after), mimetype="text/event-stream")
    # Also when the client left before the first byte, and the generator never started.
    response.call_on_close(here.leave_stream)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _stream(atelier: JobService, job_id: str, after: int) -> Iterator[str]:
    yield "retry: 2000\n\n"
    try:
        yield from _told(atelier, job_id, after)
    except NotFoundError:
        return  # deleted meanwhile
    except DBAPIError as error:
        # The head of the answer is out: all that can be told is that it ends. Clients come again.
        log.warning("a stream ended early, the database failed: %s", error)


def _told(atelier: JobService, job_id: str, after: int) -> Iterator[str]:
    started = pinged = time.monotonic()
    while time.monotonic() - started < MAX_SECONDS:
        # Asked before the events are read: an end seen here has its event already.
        ended = atelier.get(job_id).status in FINAL
        fresh = atelier.events(job_id, after)
        for event in fresh:
            after = event.seq
            yield f"id: {event.seq}\nevent: {event.type}\ndata: {json.dumps(event.data)}\n\n"
        if ended and not fresh:
            return
        if ended:
            continue  # they come so many at a time
        if time.monotonic() - pinged > PING_SECONDS:
            pinged = time.monotonic()
            yield ": ping\n\n"
        time.sleep(POLL_SECONDS)
