"""The description of what is for operators alone."""

from __future__ import annotations

from typing import Any

from jobs.params.kinds import PARAMS
from jobs.queue.lifecycle import JobStatus
from web.openapi.parts import idempotency_key, json_body, path, problems, query

_JOB = {"$ref": "#/components/schemas/AdminJob"}
_WORKER = {"$ref": "#/components/schemas/Worker"}
_TIME = {"type": ["string", "null"], "format": "date-time"}


def admin_paths() -> dict[str, Any]:
    """Path → operations."""
    workers = {"type": "object", "properties": {"workers": {"type": "array", "items": _WORKER}}}
    numbers = {"type": "array", "items": {"type": "integer"}}
    history = {
        "type": "object",
        "properties": {
            "step_minutes": {"type": "integer"},
            "ended": {"type": "object", "additionalProperties": numbers},
        },
    }
    page = {
        "type": "object",
        "properties": {
            "jobs": {"type": "array", "items": _JOB},
            "next": {"type": ["string", "null"]},
        },
    }
    return {
        "/v1/admin/workers": {
            "get": {
                "operationId": "list_workers",
                "summary": "Worker processes: at work, idle, or silent for three heartbeats",
                "responses": {"200": json_body("The workers", workers)},
            }
        },
        "/v1/admin/history": {
            "get": {
                "operationId": "job_history",
                "summary": "Numbers of jobs that ended in the last hour, by status and step",
                "responses": {"200": json_body("The numbers, the oldest first", history)},
            }
        },
        "/v1/admin/jobs": {
            "get": {
                "operationId": "list_all_jobs",
                "summary": "Everybody's jobs, newest first, without their pictures",
                "parameters": [
                    query("status", {"enum": [str(status) for status in JobStatus]}),
                    query("kind", {"enum": list(PARAMS)}),
                    query("owner", {"type": "string"}, "Jobs of this owner alone"),
                    query("dead", {"type": "boolean"}, "Failed for good, and not retried since"),
                    query("limit", {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}),
                    query("cursor", {"type": "string"}, "`next` of the page before"),
                ],
                "responses": {"200": json_body("A page", page), **problems(422)},
            }
        },
        "/v1/admin/jobs/{job_id}/cancel": {
            "post": {
                "operationId": "cancel_any",
                "summary": "Cancel anybody's job",
                "parameters": [path("job_id")],
                "responses": {
                    "202": json_body("Asked; it stops soon", _JOB),
                    "200": json_body("Ended (now or before)", _JOB),
                    **problems(404),
                },
            }
        },
        "/v1/admin/jobs/{job_id}/retry": {
            "post": {
                "operationId": "retry_any",
                "summary": "Make a new job of the same owner's, like one that failed or was canceled",
                "parameters": [path("job_id"), idempotency_key()],
                "responses": {
                    "202": json_body("Taken", _JOB),
                    "200": json_body("Answered by an earlier job", _JOB),
                    **problems(404, 409, 422, 429, 503),
                },
            }
        },
    }


def admin_schemas() -> dict[str, Any]:
    """Name → JSON schema."""
    job = {
        "type": "object",
        "properties": {
            "id": {"type": "string", "format": "uuid"},
            "owner": {"type": "string"},
            "kind": {"enum": list(PARAMS)},
            "queue": {"type": "string"},
            "status": {"enum": [str(status) for status in JobStatus]},
            "attempt": {"type": "integer"},
            "max_attempts": {"type": "integer"},
            "dead": {"type": "boolean"},
            "paused": {"type": "boolean"},
            "priority": {"type": "integer"},
            "progress": {"type": ["object", "null"]},
            "cancel_requested": {"type": "boolean"},
            "error": {"type": ["object", "null"]},
            "worker": {"type": ["string", "null"], "description": "Who holds its lease."},
            "retried_from": {"type": ["string", "null"]},
            "created_at": _TIME,
            "started_at": _TIME,
            "finished_at": _TIME,
            "urls": {"type": "object", "additionalProperties": {"type": "string"}},
        },
        "required": ["id", "owner", "kind", "status", "urls"],
    }
    worker = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "`host:pid` of the process that runs jobs."},
            "state": {"enum": ["busy", "idle", "silent"]},
            "queues": {"type": "array", "items": {"type": "string"}},
            "started_at": _TIME,
            "seen_at": {**_TIME, "description": "Its last heartbeat."},
            "lease_expires_at": _TIME,
            "job": {"anyOf": [_JOB, {"type": "null"}]},
        },
        "required": ["name", "state", "queues", "job"],
    }
    return {"AdminJob": job, "Worker": worker}
