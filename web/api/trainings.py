"""Actions and data of trainings only: pause, resume, finish; losses and samples."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from atelier import types
from web.api.jobs import send_blob
from web.current import service
from web.forms.queries import LossQuery, read_query
from web.openapi.operation import data, describe, returns
from web.serializers import job_json, loss_json, sample_json

blueprint = Blueprint("trainings", __name__, url_prefix="/v1/jobs")

_REQUESTED = {202: returns(types.Job, "Requested")}


@blueprint.post("/<job_id>/pause")
@describe("Trainings", _REQUESTED, name="pause_training", problems=(404, 409))
def pause(job_id: str) -> tuple[Response, int]:
    """Pause a training with a checkpoint; it stays in the queue until it is resumed."""
    service().trainings.pause(job_id)
    return _job(job_id)


@blueprint.post("/<job_id>/resume")
@describe("Trainings", _REQUESTED, name="resume_training", problems=(404, 409))
def resume(job_id: str) -> tuple[Response, int]:
    """Resume a training from its checkpoint."""
    service().trainings.resume(job_id)
    return _job(job_id)


@blueprint.post("/<job_id>/finish")
@describe("Trainings", _REQUESTED, name="finish_training", problems=(404, 409))
def finish(job_id: str) -> tuple[Response, int]:
    """Finish a training early, with the network as it is now."""
    service().trainings.finish(job_id)
    return _job(job_id)


@blueprint.get("/<job_id>/losses")
@describe(
    "Trainings", {200: returns(types.LossList, "The losses")}, query=LossQuery, problems=(404, 422)
)
def losses(job_id: str) -> Response:
    """List the losses of the steps after `?after=`, in order; at most 2,000 at a time."""
    after = read_query(LossQuery).after
    found = service().trainings.losses(job_id, after)
    return jsonify({"items": [loss_json(loss) for loss in found]})


@blueprint.get("/<job_id>/samples")
@describe("Trainings", {200: returns(types.SampleList, "The samples")}, problems=(404,))
def samples(job_id: str) -> Response:
    """List the sample pictures, in the order of their steps."""
    found = service().trainings.samples(job_id)
    return jsonify({"items": [sample_json(file) for file in found]})


@blueprint.get("/<job_id>/samples/<int:step>")
@describe("Trainings", {200: data("The picture")}, problems=(404,))
def sample(job_id: str, step: int) -> Response:
    """Send the sample picture of a step."""
    blob, data = service().trainings.sample(job_id, step)
    return send_blob(blob, data, name=f"atelier-{job_id[:8]}-step-{step}")


def _job(job_id: str) -> tuple[Response, int]:
    atelier = service()
    job = atelier.get(job_id)
    return jsonify(job_json(job, atelier.queue_position(job))), 202
