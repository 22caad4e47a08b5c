"""`/v1/jobs`: submit, look, cancel, download."""

from __future__ import annotations

import hashlib
import io
import json
import re
from typing import Any

from flask import Blueprint, Response, jsonify, request, send_file

from jobs.errors import InvalidParamsError
from jobs.lifecycle import FINAL, JobStatus
from jobs.models import Blob
from jobs.params import PARAMS
from jobs.pictures import SUFFIXES
from web.current import service
from web.schemas import job_json
from web.uploads import read_form

blueprint = Blueprint("jobs", __name__, url_prefix="/v1/jobs")

#: The longest that a request may wait for a job, in seconds.
MAX_WAIT = 30.0
_PREFER_WAIT = re.compile(r"\bwait=(\d+)\b")


@blueprint.post("")
def submit() -> Response:
    """Take a job: 202 at once, or 200 when it ended within `Prefer: wait=N` seconds."""
    atelier = service()
    fields, uploads = read_form(
        request,
        files={"content", "style"},
        max_bytes=atelier.settings.max_upload_mb * 1_000_000,
        parts=True,
    )
    kind = fields.pop("kind", "stylize")
    priority = _integer("priority", fields.pop("priority", "0"), -100, 100)
    style_id = fields.pop("style_id", None)
    job = atelier.submit(
        kind,
        dict(fields),
        content=uploads.pop("content", None),
        style=uploads.pop("style", None),
        style_id=style_id,
        parts=uploads,
        priority=priority,
        idempotency_key=request.headers.get("Idempotency-Key"),
    )
    preferred = _PREFER_WAIT.search(request.headers.get("Prefer", ""))
    if preferred:
        job = atelier.wait(job.id, min(float(preferred[1]), MAX_WAIT))
    response = jsonify(job_json(job, atelier.place(job)))
    response.status_code = 200 if job.status in FINAL else 202
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    if preferred:
        response.headers["Preference-Applied"] = f"wait={preferred[1]}"
    if job.status not in FINAL:
        response.headers["Retry-After"] = "1"
    return response


@blueprint.get("")
def list_jobs() -> Response:
    """A page of jobs, newest first."""
    unknown = set(request.args) - {"status", "kind", "limit", "cursor"}
    if unknown:
        raise InvalidParamsError([(name, "There is no such filter.") for name in sorted(unknown)])
    status = _one_of("status", list(JobStatus))
    kind = _one_of("kind", list(PARAMS))
    atelier = service()
    page = atelier.page(
        status=status,
        kind=kind,
        limit=_integer("limit", request.args.get("limit", "20"), 1, 100),
        cursor=request.args.get("cursor"),
    )
    jobs = [job_json(job, atelier.place(job)) for job in page.jobs]
    return jsonify({"jobs": jobs, "next": page.next})


@blueprint.get("/<job_id>")
def show(job_id: str) -> Response:
    """The job. `?wait=N` answers when it changes or ends, or after N seconds."""
    atelier = service()
    job = atelier.get(job_id)
    if "wait" in request.args:
        seconds = _integer("wait", request.args["wait"], 0, int(MAX_WAIT))
        job = atelier.wait(job_id, seconds, version=job.version)
    body = job_json(job, atelier.place(job))
    response = jsonify(body)
    response.set_etag(hashlib.sha256(json.dumps(body).encode()).hexdigest()[:32])
    response.headers["Cache-Control"] = "no-cache"
    response.make_conditional(request)
    return response


@blueprint.post("/<job_id>/cancel")
def cancel(job_id: str) -> tuple[Response, int]:
    """Ask for the job to stop: 202 while it still runs, 200 when it has ended."""
    job = service().cancel(job_id)
    return jsonify(job_json(job)), 200 if job.status in FINAL else 202


@blueprint.get("/<job_id>/output")
def output(job_id: str) -> Response:
    """The bytes that the job made. `?download=1` asks the browser to save them."""
    index = _integer("index", request.args.get("index", "0"), 0, 1_000)
    blob, data = service().output(job_id, index)
    return send_blob(blob, data, name=f"atelier-{job_id[:8]}")


@blueprint.get("/<job_id>/inputs/<role>")
def input_(job_id: str, role: str) -> Response:
    """The bytes that the job was given."""
    blob, data = service().input(job_id, role)
    return send_blob(blob, data, name=f"atelier-{job_id[:8]}-{role}")


def send_blob(blob: Blob, data: bytes, *, name: str) -> Response:
    """Bytes with their type, a strong ETag and ranges. They never change, so they may be kept."""
    response = send_file(
        io.BytesIO(data),
        mimetype=blob.media_type,
        as_attachment="download" in request.args,
        download_name=f"{name}.{SUFFIXES.get(blob.media_type, 'bin')}",
        conditional=True,
        etag=blob.sha256,
    )
    response.headers["Cache-Control"] = "private, max-age=31536000, immutable"
    return response


def _integer(name: str, text: str, low: int, high: int) -> int:
    try:
        value = int(text)
    except ValueError:
        raise InvalidParamsError([(name, f"{text[:40]!r} is not a whole number.")]) from None
    if not low <= value <= high:
        raise InvalidParamsError([(name, f"{name} goes from {low} to {high}.")])
    return value


def _one_of(name: str, allowed: list[Any]) -> str | None:
    value = request.args.get(name)
    if value is not None and value not in allowed:
        raise InvalidParamsError([(name, f"Use one of {', '.join(map(str, allowed))}.")])
    return value
