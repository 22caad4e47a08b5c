"""`/v1/queues`: list, pause and resume queues."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from web.current import service
from web.serializers import queue_json

blueprint = Blueprint("queues", __name__, url_prefix="/v1/queues")


@blueprint.get("")
def list_queues() -> Response:
    """List the queues."""
    return jsonify({"queues": [queue_json(view) for view in service().queues.all()]})


@blueprint.post("/<name>/pause")
def pause(name: str) -> Response:
    """Pause a queue: no more of its jobs start; it still accepts jobs, and running jobs go on."""
    return jsonify(queue_json(service().queues.pause(name)))


@blueprint.post("/<name>/resume")
def resume(name: str) -> Response:
    """Resume a queue."""
    return jsonify(queue_json(service().queues.resume(name)))
