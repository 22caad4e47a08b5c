"""Synchronous calls: they submit a job to the queue and wait for its result."""

from __future__ import annotations

import base64

from flask import Blueprint, Response, jsonify, request

from atelier import types
from jobs.db.models.blobs import Blob
from jobs.db.models.jobs import Job
from jobs.errors import BusyError, InvalidParamsError, JobsError, TimedOutError
from jobs.params.handling import Handling
from jobs.queue.lifecycle import FINAL, JobStatus
from jobs.submission.request import JobRequest
from web.api.jobs import send_blob
from web.current import service
from web.forms.multipart import read_form
from web.openapi.bodies import synchronous_body
from web.openapi.operation import data, describe, returns
from web.request_ids import request_id
from web.security.concurrency import wait_slot

blueprint = Blueprint("simple", __name__)


@blueprint.post("/stylize")
@describe(
    "Synchronous",
    {200: returns(types.StylizedPicture, "The picture")},
    body=synchronous_body,
    problems=(400, 413, 415, 422, 429, 503, 504),
)
def stylize() -> Response:
    """Stylise `file`; answer with JSON that has the picture in base64."""
    job, blob, data = _stylize(format_="jpeg")
    return jsonify(
        {
            "job": job.id,
            "media_type": blob.media_type,
            "width": blob.width,
            "height": blob.height,
            "image": base64.b64encode(data).decode(),
        }
    )


@blueprint.post("/stylize_download")
@describe(
    "Synchronous",
    {200: data("The picture")},
    body=synchronous_body,
    problems=(400, 413, 415, 422, 429, 503, 504),
)
def stylize_download() -> Response:
    """Stylise `file`; answer with a JPEG to save."""
    job, blob, data = _stylize(format_="jpeg")
    return send_blob(blob, data, name=f"atelier-{job.id[:8]}", save=True)


def _stylize(format_: str) -> tuple[Job, Blob, bytes]:
    with wait_slot() as acquired:
        if not acquired:
            raise BusyError
        return _submit_and_wait(format_)


def _submit_and_wait(format_: str) -> tuple[Job, Blob, bytes]:
    atelier = service()
    fields, uploads = read_form(
        request,
        files={"file", "style"},
        max_bytes=atelier.settings.max_upload_mb * 1_000_000,
        named_files=True,
    )
    if "file" not in uploads:
        raise InvalidParamsError([("file", "A photo is needed: send it as the file field file.")])
    style_id = fields.pop("style_id", None)
    if style_id is None and "style" not in uploads and "styles" not in fields:
        style_id = _first_style()
    uploads["content"] = uploads.pop("file")
    job = atelier.submit(
        JobRequest(
            kind="stylize",
            params={"format": format_, **fields},
            files=uploads,
            style_id=style_id,
            handling=Handling(priority=10),  # a caller waits for the answer
            request_id=request_id(),
        )
    )
    job = atelier.wait(job.id, atelier.settings.sync_seconds)
    if job.status not in FINAL:
        raise TimedOutError(f"Not done yet; follow it at /v1/jobs/{job.id}.")
    if job.status != JobStatus.SUCCEEDED:
        raise JobsError((job.error or {}).get("detail", f"The job was {job.status}."))
    blob, data = atelier.output(job.id)
    return job, blob, data


def _first_style() -> str:
    styles = service().styles.all()
    if not styles:
        raise InvalidParamsError([("style", "A style is needed: a file as style, or a style_id.")])
    return styles[0].id
