"""`/v1/queues`: look at the queues, pause and resume them."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from web.current import service
from web.serializers import queue_json

blueprint = Blueprint("queues", __name__, url_prefix="/v1/queues")


@blueprint.get("")
def list_queues() -> Response:
    """Every queue."""
    return jsonify({"queues": [queue_json(view) for view in service().queues.all()]})


@blueprint.post("/<name>/pause")
def pause(name: str) -> Response:
    """Start no more of its jobs; it still takes them, and those that run go on."""
    return jsonify(queue_json(service().queues.pause(name)))


@blueprint.post("/<name>/resume")
def resume(name: str) -> Response:
    """Start its jobs again."""
    return jsonify(queue_json(service().queues.resume(name)))
