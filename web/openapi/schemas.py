"""The shapes that the API's description refers to. Tests hold answers to them."""

from __future__ import annotations

from typing import Any

from jobs.params.kinds import PARAMS
from jobs.queue.lifecycle import CancelReason, JobStatus
from jobs.webhooks.webhook import EVENTS
from web.openapi.admin import admin_schemas
from web.openapi.training import dataset_schema, network_schema


def _job_schema() -> dict[str, Any]:
    nullable_time = {"type": ["string", "null"], "format": "date-time"}
    file: dict[str, Any] = {
        "type": "object",
        "properties": {
            "role": {"type": "string"},
            "media_type": {"type": "string"},
            "width": {"type": ["integer", "null"]},
            "height": {"type": ["integer", "null"]},
            "bytes": {"type": "integer"},
            "sha256": {"type": "string"},
            "url": {"type": "string"},
        },
    }
    output = {
        "type": "object",
        "properties": {
            "index": {"type": "integer"},
            **file["properties"],
            "alpha": {"type": ["number", "null"], "description": "The strength that it was made with."},
            "thumbnail": {
                "type": ["string", "null"],
                "description": "Where a small WebP of it is, for lists.",
            },
        },
    }
    return {
        "type": "object",
        "properties": {
            "id": {"type": "string", "format": "uuid"},
            "kind": {"enum": list(PARAMS)},
            "status": {"enum": [str(status) for status in JobStatus]},
            "attempt": {"type": "integer"},
            "max_attempts": {"type": "integer"},
            "dead": {
                "type": "boolean",
                "description": "Failed after the last attempt, though worth trying again.",
            },
            "paused": {"type": "boolean", "description": "A training that waits to be resumed."},
            "priority": {"type": "integer"},
            "params": {"type": "object"},
            "progress": {
                "type": ["object", "null"],
                "properties": {
                    "stage": {"type": "string"},
                    "step": {"type": "integer"},
                    "total": {"type": "integer"},
                },
            },
            "queue": {
                "type": ["object", "null"],
                "properties": {
                    "position": {"type": "integer"},
                    "eta_s": {
                        "type": ["number", "null"],
                        "description": "Seconds until it starts, from measured runs.",
                    },
                    "paused": {"type": "boolean"},
                },
            },
            "cancel_requested": {"type": "boolean"},
            "cancel_reason": {"enum": [*map(str, CancelReason), None]},
            "cancel_at": nullable_time,
            "batch_id": {"type": ["string", "null"]},
            "retried_from": {"type": ["string", "null"]},
            "cached": {"type": "boolean", "description": "An earlier job's output answered."},
            "network_version": {"type": ["string", "null"]},
            "error": {
                "type": ["object", "null"],
                "properties": {
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                    "retryable": {"type": "boolean"},
                },
            },
            "inputs": {"type": "array", "items": file},
            "outputs": {"type": "array", "items": output},
            "metrics": {"type": ["object", "null"]},
            "request_id": {"type": ["string", "null"]},
            "webhook": _webhook_schema(nullable_time),
            "created_at": {"type": "string", "format": "date-time"},
            "started_at": nullable_time,
            "finished_at": nullable_time,
            "expires_at": nullable_time,
            "urls": {
                "type": "object",
                "additionalProperties": {"type": "string"},
                "description": "Actions and records of the job: `pause`, `resume` and `finish` for "
                "trainings only, `losses` and `samples` for kinds that have them.",
            },
        },
        "required": ["id", "kind", "status", "params", "inputs", "outputs", "urls"],
    }


def _batch_schema() -> dict[str, Any]:
    counts = {str(status): {"type": "integer"} for status in JobStatus}
    return {
        "type": "object",
        "properties": {
            "id": {"type": "string", "format": "uuid"},
            "done": {"type": "boolean", "description": "All its jobs have ended."},
            "total": {"type": "integer"},
            "counts": {"type": "object", "properties": counts},
            "created_at": {"type": "string", "format": "date-time"},
            "urls": {"type": "object", "additionalProperties": {"type": "string"}},
        },
        "required": ["id", "done", "total", "counts", "urls"],
    }


def _queue_schema() -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "paused": {"type": "boolean"},
            "paused_at": {"type": ["string", "null"], "format": "date-time"},
            "queued": {"type": "integer"},
            "running": {"type": "integer"},
            "urls": {"type": "object", "additionalProperties": {"type": "string"}},
        },
        "required": ["name", "paused", "queued", "running", "urls"],
    }


def _webhook_schema(nullable_time: dict[str, Any]) -> dict[str, Any]:
    delivery = {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "event": {"enum": list(EVENTS)},
            "attempts": {"type": "integer"},
            "status_code": {"type": ["integer", "null"]},
            "error": {"type": ["string", "null"]},
            "next_at": nullable_time,
            "delivered_at": nullable_time,
        },
    }
    return {
        "type": ["object", "null"],
        "properties": {
            "url": {"type": "string"},
            "events": {"type": "array", "items": {"enum": list(EVENTS)}},
            "deliveries": {"type": "array", "items": delivery},
        },
    }


def _upload_schema() -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "id": {"type": "string", "format": "uuid"},
            "media_type": {"type": "string"},
            "width": {"type": ["integer", "null"]},
            "height": {"type": ["integer", "null"]},
            "bytes": {"type": "integer"},
            "sha256": {"type": "string"},
            "created_at": {"type": "string", "format": "date-time"},
            "expires_at": {"type": ["string", "null"], "format": "date-time"},
            "urls": {"type": "object", "additionalProperties": {"type": "string"}},
        },
        "required": ["id", "media_type", "bytes", "sha256", "expires_at", "urls"],
    }


def schemas() -> dict[str, Any]:
    """Name → JSON schema."""
    style = {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "title": {"type": "string"},
            "description": {"type": "string"},
            "own": {"type": "boolean"},
            "width": {"type": "integer"},
            "height": {"type": "integer"},
            "sha256": {"type": "string"},
            "urls": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    }
    problem = {
        "type": "object",
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "instance": {"type": "string"},
            "code": {"type": "string"},
            "retryable": {"type": "boolean"},
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
                },
            },
        },
        "required": ["type", "title", "status", "detail", "code", "retryable"],
    }
    return {
        "Job": _job_schema(),
        "Batch": _batch_schema(),
        "Queue": _queue_schema(),
        "Style": style,
        "Upload": _upload_schema(),
        "Network": network_schema(),
        "Dataset": dataset_schema(),
        **admin_schemas(),
        "Problem": problem,
    }
