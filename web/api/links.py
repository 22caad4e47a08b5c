"""Signed links: each opens one output without an API key until it expires."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flask import Blueprint, Response, jsonify, request
from itsdangerous import BadSignature

from jobs.errors import InvalidParamsError
from web.api.jobs import send_kept
from web.current import service, whole_service
from web.errors import problem
from web.forms.fields import integer
from web.forms.json_body import MAX_BYTES, read_json
from web.security.signing import serializer
from web.serializers import time_json

blueprint = Blueprint("links", __name__, url_prefix="/v1")

DEFAULT_SECONDS = 3600


@blueprint.post("/jobs/<job_id>/output/url")
def create(job_id: str) -> tuple[Response, int]:
    """Create a signed link to an output, valid for `expires_in` seconds and at most LINK_SECONDS."""
    atelier = service()
    body = _body()
    asked = integer("expires_in", body.get("expires_in", DEFAULT_SECONDS), 1, 10**9)
    seconds = min(asked, atelier.settings.link_seconds)
    index = integer("index", body.get("index", 0), 0, 1_000)
    atelier.output_blob(job_id, index)
    expires_at = datetime.now(UTC) + timedelta(seconds=seconds)
    token = serializer("output").dumps([job_id, index, int(expires_at.timestamp())])
    url = f"/v1/outputs/{token}"
    return jsonify({"url": url, "expires_at": time_json(expires_at)}), 201


def _body() -> dict[str, object]:
    request.max_content_length = MAX_BYTES
    if not request.get_data():
        return {}
    body = read_json(request)
    unknown = [(str(name)[:80], "There is no such field.") for name in body]
    unknown = [problem for problem in unknown if problem[0] not in {"expires_in", "index"}]
    if unknown:
        raise InvalidParamsError(unknown)
    return body


@blueprint.get("/outputs/<token>")
def output(token: str) -> Response:
    """Send the output of a signed link."""
    try:
        job_id, index, expires = serializer("output").loads(token)
    except BadSignature:
        return problem(
            403, "bad_link", "This link is not valid: it was changed, or another service made it."
        )
    if datetime.now(UTC).timestamp() >= expires:
        return problem(403, "expired_link", "This link has expired; ask for a new one.")
    atelier = whole_service().for_owner_of_job(job_id)
    blob = atelier.output_blob(job_id, index)
    response = send_kept(blob, name=f"atelier-{job_id[:8]}", atelier=atelier)
    # Not for shared caches, and for no longer than the link is valid.
    left = max(0, int(expires - datetime.now(UTC).timestamp()))
    response.headers["Cache-Control"] = f"private, max-age={left}"
    return response
