"""`/v1/jobs`: submit, show, list, cancel, retry, delete and download jobs."""

from __future__ import annotations

import io
import re
import uuid
from typing import BinaryIO

from flask import Blueprint, Response, jsonify, request, send_file

from atelier import types
from jobs.blobs.reader import open_blob
from jobs.db.models.blobs import Blob
from jobs.db.models.jobs import Job
from jobs.errors import InvalidParamsError, NotFoundError, UnreachableFileError
from jobs.media.pictures import SUFFIXES
from jobs.media.sandbox import thumbnail_in_sandbox
from jobs.media.thumbnails import SIDE, has_thumbnail, thumbnail_input_bytes
from jobs.params.handling import Handling
from jobs.queue.lifecycle import FINAL
from jobs.service import JobService
from web.api.job_answers import answer_poll
from web.current import service
from web.forms.byte_range import range_environ
from web.forms.job_request import read_job_request
from web.forms.queries import MAX_WAIT, IndexQuery, JobQuery, OutputQuery, WaitQuery, read_query
from web.openapi.bodies import fields_of, submit_body
from web.openapi.operation import (
    DELETED,
    IDEMPOTENCY_KEY,
    NOT_MODIFIED,
    data,
    describe,
    header,
    returns,
)
from web.request_ids import request_id
from web.security.concurrency import wait_for
from web.serializers import job_json

blueprint = Blueprint("jobs", __name__, url_prefix="/v1/jobs")

#: Cache-Control of bytes that are private to the caller: a browser keeps them, and asks each time
#: whether they may still be shown, because jobs are deleted and keys revoked.
KEEP = "private, no-cache"
_PREFER_WAIT = re.compile(r"\bwait=(\d+)\b")
_SUBMITTED = {
    202: returns(types.Job, "Accepted; follow `Location`"),
    200: returns(types.Job, "Ended: within `Prefer: wait`, or a cached result"),
}
_PREFER = header(
    "Prefer",
    {"type": "string"},
    f"`wait=N`: answer 200 with the ended job if it ends within N ≤ {MAX_WAIT} seconds.",
)
#: The header `Cancel-After`.
CANCEL_AFTER = header(
    "Cancel-After",
    fields_of(Handling)["cancel_after"],
    "As the field `cancel_after`.",
)


@blueprint.post("")
@describe(
    "Jobs",
    _SUBMITTED,
    body=submit_body,
    headers=(_PREFER, IDEMPOTENCY_KEY, CANCEL_AFTER),
    problems=(400, 413, 415, 422, 429, 503),
)
def submit() -> Response:
    """Submit a job: 202 at once, or 200 when it ends within `Prefer: wait=N` seconds."""
    return _submit(request.headers.get("Idempotency-Key"), None)


@blueprint.put("/<job_id>")
@describe(
    "Jobs",
    _SUBMITTED,
    body=submit_body,
    headers=(_PREFER, CANCEL_AFTER),
    path={"job_id": {"type": "string", "format": "uuid"}},
    problems=(400, 404, 413, 415, 422, 429, 503),
)
def put(job_id: str) -> Response:
    """Submit a job under an id that the client chose; the same id twice makes one job."""
    try:
        # In its canonical form, or the same id would name several jobs.
        chosen = str(uuid.UUID(job_id))
    except ValueError:
        raise InvalidParamsError([("job_id", "The id must be a UUID.")]) from None
    service().check_id(chosen)
    return _submit(None, chosen)


def _submit(key: str | None, job_id: str | None) -> Response:
    atelier = service()
    try:
        job_request = read_job_request(request, atelier, idempotency_key=key, job_id=job_id)
    except InvalidParamsError as error:
        # A request that is sent again may name uploads or URLs that have gone since.
        earlier = atelier.earlier(key) if _names_missing_files(error) else None
        if earlier is None:
            raise
        return _answer(earlier)
    return _answer(atelier.submit(job_request))


def _names_missing_files(error: InvalidParamsError) -> bool:
    if isinstance(error, UnreachableFileError):
        return True
    return all(pointer.endswith(".upload") for pointer, _ in error.errors)


def _answer(job: Job) -> Response:
    """The answer for a job that was submitted now or before."""
    atelier = service()
    preferred = _PREFER_WAIT.search(request.headers.get("Prefer", ""))
    if preferred:
        wait_for(job.id, min(float(preferred[1]), MAX_WAIT))
        job = atelier.get(job.id)
    response = jsonify(job_json(job, atelier.queue_position(job), atelier.deliveries(job)))
    response.status_code = 200 if job.status in FINAL else 202
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    if preferred:
        response.headers["Preference-Applied"] = f"wait={preferred[1]}"
    if job.status not in FINAL:
        response.headers["Retry-After"] = "1"
    return response


@blueprint.get("")
@describe("Jobs", {200: returns(types.JobPage, "A page")}, query=JobQuery, problems=(422,))
def list_jobs() -> Response:
    """List a page of jobs, newest first."""
    atelier = service()
    page = atelier.page(**read_query(JobQuery).model_dump())
    places = atelier.queue_positions(page.jobs)
    jobs = [job_json(job, place) for job, place in zip(page.jobs, places, strict=True)]
    return jsonify({"jobs": jobs, "next": page.next})


@blueprint.get("/<job_id>")
@describe(
    "Jobs",
    {200: returns(types.Job, "The job"), 304: NOT_MODIFIED},
    query=WaitQuery,
    problems=(404, 422),
)
def show(job_id: str) -> Response:
    """Show a job. `?wait=N` answers when it changes or ends, or after N seconds."""
    atelier = service()
    seen = atelier.version(job_id)
    seconds = read_query(WaitQuery).wait
    if seconds is not None:
        seen = wait_for(job_id, seconds, version=seen.version)
    return answer_poll(atelier, seen)


@blueprint.delete("/<job_id>")
@describe("Jobs", {204: DELETED}, name="delete_job", problems=(404, 409))
def delete(job_id: str) -> tuple[str, int]:
    """Delete a job that is not running, with its pictures and events."""
    service().delete(job_id)
    return "", 204


@blueprint.post("/<job_id>/cancel")
@describe(
    "Jobs",
    {
        202: returns(types.Job, "Requested; it stops soon"),
        200: returns(types.Job, "Ended, now or before"),
    },
    problems=(404,),
)
def cancel(job_id: str) -> tuple[Response, int]:
    """Cancel a job: 202 while it still runs, 200 when it has ended."""
    job = service().cancel(job_id)
    return jsonify(job_json(job)), 200 if job.status in FINAL else 202


@blueprint.post("/<job_id>/retry")
@describe("Jobs", _SUBMITTED, headers=(_PREFER, IDEMPOTENCY_KEY), problems=(404, 409, 422, 429, 503))
def retry(job_id: str) -> Response:
    """Retry a failed or canceled job as a new job: 202 with `Location`."""
    key = request.headers.get("Idempotency-Key")
    return _answer(service().retry(job_id, idempotency_key=key, request_id=request_id()))


@blueprint.get("/<job_id>/output")
@describe("Jobs", {200: data("The file")}, query=OutputQuery, problems=(404, 409, 422))
def output(job_id: str) -> Response:
    """Send an output file. `?download=1` asks the browser to save it."""
    index = read_query(IndexQuery).index
    return send_kept(service().output_blob(job_id, index), name=f"atelier-{job_id[:8]}")


@blueprint.get("/<job_id>/output/thumbnail")
@describe(
    "Jobs",
    {200: data("The thumbnail", "image/webp"), 304: NOT_MODIFIED},
    query=IndexQuery,
    problems=(404, 409, 422),
)
def thumbnail(job_id: str) -> Response:
    """Send a small WebP of an output, for lists. It never changes, so browsers cache it."""
    index = read_query(IndexQuery).index
    atelier = service()
    blob = atelier.output_blob(job_id, index)
    etag = f"{blob.sha256}-{SIDE}"
    if request.if_none_match.contains(etag):
        response = Response(status=304)
    elif not has_thumbnail(blob.media_type):
        raise NotFoundError(f"There is no small picture of {blob.media_type}.")
    else:
        data = atelier.storage.read_range(
            blob.sha256, 0, min(blob.size, thumbnail_input_bytes(blob.media_type))
        )
        small = thumbnail_in_sandbox(data, blob.media_type, atelier.settings.decode_limits)
        response = Response(small, mimetype="image/webp")
    response.set_etag(etag)
    response.headers["Cache-Control"] = KEEP
    return response


@blueprint.get("/<job_id>/inputs/<role>")
@describe("Jobs", {200: data("The file")}, name="input", problems=(404,))
def input_(job_id: str, role: str) -> Response:
    """Send an input file."""
    return send_kept(service().input_blob(job_id, role), name=f"atelier-{job_id[:8]}-{role}")


def send_kept(blob: Blob, *, name: str, atelier: JobService | None = None) -> Response:
    """As `send_blob`, but only what is asked for is fetched: videos are large."""
    storage = (atelier or service()).storage
    return send_blob(blob, open_blob(storage, blob.sha256, blob.size), name=name)


def send_blob(blob: Blob, data: bytes | BinaryIO, *, name: str, save: bool = False) -> Response:
    """Send bytes with their type, a strong ETag and ranges; they never change, so they may be cached.

    `save` asks the browser to save them, as `?download=1` does.
    """
    response = send_file(
        io.BytesIO(data) if isinstance(data, bytes) else data,
        mimetype=blob.media_type,
        as_attachment=save or "download" in request.args,
        download_name=f"{name}.{SUFFIXES.get(blob.media_type, 'bin')}",
        conditional=False,
        etag=blob.sha256,
    )
    response.content_length = blob.size
    response.make_conditional(
        range_environ(request, blob.size), accept_ranges=True, complete_length=blob.size
    )
    response.headers["Cache-Control"] = KEEP
    return response
