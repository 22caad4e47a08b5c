"""Signed links: each opens one output without an API key until it expires."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from flask import Blueprint, Response, jsonify, request
from itsdangerous import BadSignature

from atelier import types
from jobs.db.models.blobs import Blob
from jobs.errors import NotFoundError
from jobs.params.validate import validated
from jobs.service import JobService
from web.api.jobs import send_kept
from web.current import service, whole_service
from web.errors import problem
from web.forms.json_body import MAX_BYTES, read_json
from web.forms.queries import LinkRequest
from web.openapi.bodies import json_body
from web.openapi.operation import Schema, data, describe, returns
from web.security.signing import serializer
from web.serializers import time_json

blueprint = Blueprint("links", __name__, url_prefix="/v1")


def _link_body() -> Schema:
    return json_body(LinkRequest)


@blueprint.post("/jobs/<job_id>/output/url")
@describe(
    "Jobs",
    {201: returns(types.Link, "The link")},
    body=_link_body,
    name="create_link",
    problems=(400, 404, 409, 422),
)
def create(job_id: str) -> tuple[Response, int]:
    """Create a signed link to an output, valid for `expires_in` seconds and at most LINK_SECONDS."""
    atelier = service()
    body = validated(LinkRequest, _body())
    seconds = min(body.expires_in, atelier.settings.link_seconds)
    index = body.index
    stamp = _stamp(atelier, job_id, atelier.output_blob(job_id, index))
    expires_at = datetime.now(UTC) + timedelta(seconds=seconds)
    token = serializer("output").dumps([job_id, index, int(expires_at.timestamp()), stamp])
    url = f"/v1/outputs/{token}"
    return jsonify({"url": url, "expires_at": time_json(expires_at)}), 201


def _stamp(atelier: JobService, job_id: str, blob: Blob) -> str:
    """Identifies the output for which a link was made: an id may be used again after a deletion."""
    job = atelier.get(job_id)
    named = f"{job.owner}\0{job.created_at.isoformat()}\0{blob.sha256}"
    return hashlib.sha256(named.encode()).hexdigest()[:16]


def _body() -> dict[str, object]:
    request.max_content_length = MAX_BYTES
    if not request.get_data():
        return {}
    return read_json(request)


@blueprint.get("/outputs/<token>")
@describe("Jobs", {200: data("The file")}, public=True, name="linked_output", problems=(403, 404))
def output(token: str) -> Response:
    """Send the output of a signed link."""
    try:
        job_id, index, expires, stamp = serializer("output").loads(token)
    except (BadSignature, ValueError):  # links of earlier releases have no stamp
        return problem(
            403, "bad_link", "This link is not valid: it was changed, or another service made it."
        )
    if datetime.now(UTC).timestamp() >= expires:
        return problem(403, "expired_link", "This link has expired; ask for a new one.")
    atelier = whole_service().for_owner_of_job(job_id)
    blob = atelier.output_blob(job_id, index)
    if _stamp(atelier, job_id, blob) != stamp:
        raise NotFoundError(f"There is no job {job_id[:64]}.")
    response = send_kept(blob, name=f"atelier-{job_id[:8]}", atelier=atelier)
    # Not for shared caches, and for no longer than the link is valid.
    left = max(0, int(expires - datetime.now(UTC).timestamp()))
    response.headers["Cache-Control"] = f"private, max-age={left}"
    return response
