"""The description of batches and queues."""

from __future__ import annotations

from typing import Any

from web.openapi.parts import (
    BINARY,
    form,
    handling,
    idempotency_key,
    json_body,
    path,
    problems,
    submit_headers,
)

_BATCH = {"$ref": "#/components/schemas/Batch"}
_QUEUE = {"$ref": "#/components/schemas/Queue"}


def queue_paths(params: dict[str, Any]) -> dict[str, Any]:
    """Path → operations."""
    return {**_batch_paths(params), **_queue_paths()}


def _batch_paths(params: dict[str, Any]) -> dict[str, Any]:
    pictures = {"type": "array", "items": BINARY}
    fields = {
        "content": {**pictures, "minItems": 1, "description": "The photos, in this order."},
        "style": {**pictures, "description": "Style images."},
        "style_id": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Styles of /v1/styles, beside or instead of files.",
        },
        **handling(),
        **params,
    }
    one = [path("batch_id")]
    return {
        "/v1/batches": {
            "post": {
                "operationId": "submit_batch",
                "summary": "Submit every photo in every style: all jobs or none",
                "parameters": [idempotency_key(), *submit_headers()],
                "requestBody": form(fields, ["content"]),
                "responses": {
                    "202": json_body("Taken; follow Location", _BATCH),
                    "200": json_body("Taken, and answered by earlier jobs", _BATCH),
                    **problems(400, 413, 415, 422, 429, 503),
                },
            }
        },
        "/v1/batches/{batch_id}": {
            "get": {
                "operationId": "show_batch",
                "summary": "Look at a batch; its jobs are at /v1/jobs?batch_id=",
                "parameters": one,
                "responses": {"200": json_body("The batch", _BATCH), **problems(404)},
            }
        },
        "/v1/batches/{batch_id}/cancel": {
            "post": {
                "operationId": "cancel_batch",
                "summary": "Cancel what has not ended",
                "parameters": one,
                "responses": {
                    "202": json_body("Asked; the rest stops soon", _BATCH),
                    "200": json_body("All have ended", _BATCH),
                    **problems(404),
                },
            }
        },
    }


def _queue_paths() -> dict[str, Any]:
    page = {"type": "object", "properties": {"queues": {"type": "array", "items": _QUEUE}}}
    one = [path("name")]
    return {
        "/v1/queues": {
            "get": {
                "operationId": "list_queues",
                "summary": "The queues: what waits, what runs, what is paused",
                "responses": {"200": json_body("The queues", page)},
            }
        },
        "/v1/queues/{name}/pause": {
            "post": {
                "operationId": "pause",
                "summary": "Take jobs but start none; those that run go on",
                "parameters": one,
                "responses": {"200": json_body("Paused", _QUEUE), **problems(404)},
            }
        },
        "/v1/queues/{name}/resume": {
            "post": {
                "operationId": "resume",
                "summary": "Start jobs again",
                "parameters": one,
                "responses": {"200": json_body("Resumed", _QUEUE), **problems(404)},
            }
        },
    }
