"""`/v1/queues`: list, pause and resume queues."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from atelier import types
from web.current import service
from web.openapi.operation import describe, returns
from web.serializers import queue_json

blueprint = Blueprint("queues", __name__, url_prefix="/v1/queues")


@blueprint.get("")
@describe("Queues", {200: returns(types.QueueList, "The queues")})
def list_queues() -> Response:
    """List the queues."""
    return jsonify({"queues": [queue_json(view) for view in service().queues.all()]})


@blueprint.post("/<name>/pause")
@describe("Queues", {200: returns(types.Queue, "Paused")}, problems=(404,))
def pause(name: str) -> Response:
    """Pause a queue: no more of its jobs start; it still accepts jobs, and running jobs go on."""
    return jsonify(queue_json(service().queues.pause(name)))


@blueprint.post("/<name>/resume")
@describe("Queues", {200: returns(types.Queue, "Resumed")}, problems=(404,))
def resume(name: str) -> Response:
    """Resume a queue."""
    return jsonify(queue_json(service().queues.resume(name)))
