"""Answers to polls of jobs: JSON kept by the version of the job's row, and its ETag.

A poll reads the version (`jobs.queue.versions`). Only a version that this process has not seen yet
costs a read of the whole job. The position in the queue changes without the row, so it is put into the
kept text.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from importlib.metadata import version as release_of

from flask import Response, current_app, request

from jobs.queue.position import QueuePosition
from jobs.queue.versions import JobVersion, version_of
from jobs.service import JobService
from web.serializers import job_json, place_json

#: Number of kept answers, and the largest answer in bytes that is kept: at most 16 MB in all.
MAX_ANSWERS, MAX_BYTES = 1024, 16_384
_RELEASE = release_of("atelier")


class JobAnswers:
    """The newest answers about jobs, as two pieces of JSON text around the position in the queue."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, JobVersion], tuple[str, str]] = OrderedDict()

    def find(self, host_url: str, seen: JobVersion) -> tuple[str, str] | None:
        """The pieces for this version and address, if they are kept."""
        key = (host_url, seen)
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def keep(self, host_url: str, seen: JobVersion, pieces: tuple[str, str]) -> None:
        """Keep the pieces for this version, in place of the one that was not asked for longest.

        `host_url` is the address by which the service was called: an answer has absolute URLs.
        """
        if len(pieces[0]) + len(pieces[1]) > MAX_BYTES:
            return
        with self._lock:
            self._kept[host_url, seen] = pieces
            while len(self._kept) > MAX_ANSWERS:
                self._kept.popitem(last=False)


def answer_poll(atelier: JobService, seen: JobVersion) -> Response:
    """The job as JSON with its ETag, or 304 if the caller has it. `seen` is its version now.

    A 304 costs no look at the database beside the one that found the version. Raises `NotFoundError` if
    the job is deleted meanwhile.
    """
    if seen.webhook_url is not None:
        return _answer_with_deliveries(atelier, seen)
    place = atelier.queue_position(seen)
    etag = _etag(seen, place)
    if request.if_none_match.contains_weak(etag):
        response = Response(status=304)
    else:
        pieces = _answers().find(request.host_url, seen)
        if pieces is None:
            seen, pieces = _read(atelier, seen.id)
            place = atelier.queue_position(seen)
            etag = _etag(seen, place)
        queue = "null" if place is None else _json(place_json(place))
        response = Response(f"{pieces[0]}{queue}{pieces[1]}\n", mimetype="application/json")
    response.set_etag(etag)
    response.headers["Cache-Control"] = "no-cache"
    return response


def _answer_with_deliveries(atelier: JobService, seen: JobVersion) -> Response:
    # Deliveries of webhooks change without the job, so nothing is kept.
    job = atelier.get(seen.id)
    text = _json(job_json(job, atelier.queue_position(job), atelier.deliveries(job)))
    response = Response(f"{text}\n", mimetype="application/json")
    response.set_etag(hashlib.sha256(text.encode()).hexdigest()[:32])
    response.headers["Cache-Control"] = "no-cache"
    response.make_conditional(request)
    return response


def _read(atelier: JobService, job_id: str) -> tuple[JobVersion, tuple[str, str]]:
    """Read the whole job; returns the version that was read, and its pieces."""
    job = atelier.get(job_id)
    seen = version_of(job)
    items = list(job_json(job).items())
    at = next(number for number, (name, _) in enumerate(items) if name == "queue")
    pieces = _json(dict(items[:at]))[:-1] + ',"queue":', "," + _json(dict(items[at + 1 :]))[1:]
    _answers().keep(request.host_url, seen, pieces)
    return seen, pieces


def _etag(seen: JobVersion, place: QueuePosition | None) -> str:
    # The release and the address are parts, because they change the JSON of the same row.
    return hashlib.sha256(repr((_RELEASE, request.host_url, seen, place)).encode()).hexdigest()[:32]


def _json(value: object) -> str:
    text: str = current_app.json.dumps(value, separators=(",", ":"))
    return text


def _answers() -> JobAnswers:
    found: JobAnswers = current_app.extensions["job_answers"]
    return found
