"""Actions and data of trainings only: pause, resume, finish; losses and samples."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from web.api.jobs import send_blob
from web.current import service
from web.forms.fields import integer
from web.serializers import job_json, loss_json, sample_json

blueprint = Blueprint("trainings", __name__, url_prefix="/v1/jobs")

_LAST = 10**9


@blueprint.post("/<job_id>/pause")
def pause(job_id: str) -> tuple[Response, int]:
    """Pause a training with a checkpoint; it stays in the queue until it is resumed."""
    service().trainings.pause(job_id)
    return _job(job_id)


@blueprint.post("/<job_id>/resume")
def resume(job_id: str) -> tuple[Response, int]:
    """Resume a training from its checkpoint."""
    service().trainings.resume(job_id)
    return _job(job_id)


@blueprint.post("/<job_id>/finish")
def finish(job_id: str) -> tuple[Response, int]:
    """Finish a training early, with the network as it is now."""
    service().trainings.finish(job_id)
    return _job(job_id)


@blueprint.get("/<job_id>/losses")
def losses(job_id: str) -> Response:
    """List the losses of the steps after `?after=`, in order; at most 2,000 at a time."""
    after = integer("after", request.args.get("after", "-1"), -1, _LAST)
    found = service().trainings.losses(job_id, after)
    return jsonify({"items": [loss_json(loss) for loss in found]})


@blueprint.get("/<job_id>/samples")
def samples(job_id: str) -> Response:
    """List the sample pictures, in the order of their steps."""
    found = service().trainings.samples(job_id)
    return jsonify({"items": [sample_json(file) for file in found]})


@blueprint.get("/<job_id>/samples/<int:step>")
def sample(job_id: str, step: int) -> Response:
    """Send the sample picture of a step."""
    blob, data = service().trainings.sample(job_id, step)
    return send_blob(blob, data, name=f"atelier-{job_id[:8]}-step-{step}")


def _job(job_id: str) -> tuple[Response, int]:
    atelier = service()
    job = atelier.get(job_id)
    return jsonify(job_json(job, atelier.queue_position(job))), 202
