"""`/v1/batches`: several photos, each in one or more styles, submitted all or none."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from atelier import types
from jobs.params.kinds import DEFAULT_KIND
from jobs.submission.request import BatchRequest
from web.api.jobs import CANCEL_AFTER
from web.current import service
from web.forms.fields import take_handling
from web.forms.multipart import read_lists
from web.openapi.bodies import batch_body
from web.openapi.operation import IDEMPOTENCY_KEY, describe, returns
from web.request_ids import request_id
from web.security.concurrency import admit_body
from web.serializers import batch_json

blueprint = Blueprint("batches", __name__, url_prefix="/v1/batches")

REPEATED = frozenset({"content", "style", "style_id"})


@blueprint.post("")
@describe(
    "Batches",
    {
        202: returns(types.Batch, "Accepted; follow `Location`"),
        200: returns(types.Batch, "Answered by cached results"),
    },
    body=batch_body,
    headers=(IDEMPOTENCY_KEY, CANCEL_AFTER),
    name="submit_batch",
    problems=(400, 413, 415, 422, 429, 503),
)
def submit() -> Response:
    """Submit a batch: 202 with `Location`; 200 when cached results answered all of it."""
    atelier = service()
    settings = atelier.settings
    usual = 2 * settings.max_upload_mb * 1_000_000
    admit_body(request, usual, (settings.max_batch_mb + 1) * 1_000_000)
    request.max_form_parts = 2 * settings.max_batch_jobs + 20
    lists, uploads = read_lists(
        request,
        files={"content", "style"},
        max_bytes=settings.max_upload_mb * 1_000_000,
        repeated=REPEATED,
    )
    style_ids = lists.pop("style_id", [])
    fields = {name: values[0] for name, values in lists.items()}
    kind = fields.pop("kind", DEFAULT_KIND)
    handling = take_handling(fields, request.headers.get("Cancel-After"))
    view = atelier.batches.submit(
        BatchRequest(
            kind=kind,
            params=dict(fields),
            contents=uploads.get("content", []),
            styles=uploads.get("style", []),
            style_ids=style_ids,
            handling=handling,
            idempotency_key=request.headers.get("Idempotency-Key"),
            request_id=request_id(),
        )
    )
    response = jsonify(batch_json(view))
    response.status_code = 200 if view.done else 202
    response.headers["Location"] = f"/v1/batches/{view.batch.id}"
    if not view.done:
        response.headers["Retry-After"] = "1"
    return response


@blueprint.get("/<batch_id>")
@describe("Batches", {200: returns(types.Batch, "The batch")}, name="show_batch", problems=(404,))
def show(batch_id: str) -> Response:
    """Show a batch with the number of its jobs by status."""
    return jsonify(batch_json(service().batches.get(batch_id)))


@blueprint.post("/<batch_id>/cancel")
@describe(
    "Batches",
    {
        202: returns(types.Batch, "Requested; the rest stops soon"),
        200: returns(types.Batch, "All have ended"),
    },
    name="cancel_batch",
    problems=(404,),
)
def cancel(batch_id: str) -> tuple[Response, int]:
    """Cancel a batch's jobs: 202 while some still run, 200 when all have ended."""
    view = service().batches.cancel(batch_id)
    return jsonify(batch_json(view)), 200 if view.done else 202
