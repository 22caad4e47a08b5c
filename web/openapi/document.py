"""The API's description, put together from the same models that check requests."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Any

from jobs.params.kinds import PARAMS
from jobs.queue.lifecycle import JobStatus
from web.openapi.admin import admin_paths
from web.openapi.inputs import inputs_paths, link_paths
from web.openapi.parts import BINARY as _BINARY
from web.openapi.parts import JOB as _JOB
from web.openapi.parts import add_refusals, as_fields, idempotency_key, submit_headers
from web.openapi.parts import form as _form
from web.openapi.parts import header as _header
from web.openapi.parts import json_body as _json
from web.openapi.parts import path as _path
from web.openapi.parts import picture as _picture
from web.openapi.parts import problems as _problems
from web.openapi.parts import query as _query
from web.openapi.queue import queue_paths
from web.openapi.schemas import schemas
from web.openapi.submit import definitions, params_of, submit_body
from web.openapi.training import training_paths


def _jobs_paths() -> dict[str, Any]:
    body = submit_body()
    prefer = _header(
        "Prefer",
        {"type": "string"},
        "`wait=N`: answer 200 with the finished job if it ends within N ≤ 30 seconds.",
    )
    key = idempotency_key()
    taken = {
        "202": _json("Taken; follow Location", _JOB),
        "200": _json("Ended: within `Prefer: wait`, or answered by an earlier job", _JOB),
    }
    statuses = [str(status) for status in JobStatus]
    page = {
        "type": "object",
        "properties": {
            "jobs": {"type": "array", "items": _JOB},
            "next": {"type": ["string", "null"]},
        },
    }
    one = [_path("job_id")]
    chosen = {**_path("job_id"), "schema": {"type": "string", "format": "uuid"}}
    return {
        "/v1/jobs": {
            "post": {
                "operationId": "submit",
                "summary": "Submit a job",
                "parameters": [prefer, key, *submit_headers()],
                "requestBody": body,
                "responses": {**taken, **_problems(400, 413, 415, 422, 429, 503)},
            },
            "get": {
                "operationId": "list_jobs",
                "summary": "List jobs, newest first",
                "parameters": [
                    _query("status", {"enum": statuses}),
                    _query("kind", {"enum": list(PARAMS)}),
                    _query("limit", {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}),
                    _query("cursor", {"type": "string"}, "`next` of the page before"),
                    _query("batch_id", {"type": "string"}, "Jobs of this batch"),
                    _query(
                        "dead",
                        {"type": "boolean"},
                        "Jobs that failed after their last attempt, and were not retried since",
                    ),
                ],
                "responses": {"200": _json("A page", page), **_problems(422)},
            },
        },
        "/v1/jobs/{job_id}": {
            "put": {
                "operationId": "put",
                "summary": "Submit a job under an id of your own (a UUID): twice is once",
                "parameters": [chosen, prefer, *submit_headers()],
                "requestBody": body,
                "responses": {**taken, **_problems(400, 404, 413, 415, 422, 429, 503)},
            },
            "get": {
                "operationId": "show",
                "summary": "Look at a job",
                "parameters": [
                    *one,
                    _query(
                        "wait",
                        {"type": "integer", "minimum": 0, "maximum": 30},
                        "Answer when the job changes, or after so many seconds",
                    ),
                ],
                "responses": {
                    "200": _json("The job", _JOB),
                    "304": {"description": "As If-None-Match said"},
                    **_problems(404, 422),
                },
            },
            "delete": {
                "operationId": "delete_job",
                "summary": "Delete a job that does not run, with its pictures",
                "parameters": one,
                "responses": {"204": {"description": "Gone"}, **_problems(404, 409)},
            },
        },
        "/v1/jobs/{job_id}/retry": {
            "post": {
                "operationId": "retry",
                "summary": "Make a new job like one that failed or was canceled",
                "parameters": [*one, prefer, key],
                "responses": {**taken, **_problems(404, 409, 422, 429, 503)},
            }
        },
        "/v1/jobs/{job_id}/cancel": {
            "post": {
                "operationId": "cancel",
                "summary": "Cancel a job",
                "parameters": one,
                "responses": {
                    "202": _json("Asked; it stops soon", _JOB),
                    "200": _json("Ended (now or before)", _JOB),
                    **_problems(404),
                },
            }
        },
        "/v1/jobs/{job_id}/events": {
            "get": {
                "operationId": "events",
                "summary": "Follow a job by server-sent events",
                "parameters": one,
                "responses": {
                    "200": {
                        "description": "`state`, `progress` and `cancel` events; of a training also "
                        "`sample`, `notice`, `pause` and `finish`",
                        "content": {"text/event-stream": {"schema": {"type": "string"}}},
                    },
                    **_problems(404, 503),
                },
            }
        },
        "/v1/jobs/{job_id}/output": {
            "get": {
                "operationId": "output",
                "summary": "Download what the job made; the first of several without index",
                "parameters": [
                    *one,
                    _query("index", {"type": "integer", "minimum": 0, "maximum": 1000, "default": 0}),
                    _query("download", {"type": "string"}, "Any value: save instead of show"),
                ],
                "responses": {"200": _picture("The picture"), **_problems(404, 409, 422)},
            }
        },
        "/v1/jobs/{job_id}/output/thumbnail": {
            "get": {
                "operationId": "thumbnail",
                "summary": "What the job made, small: a WebP of at most 256 pixels and 20 kB",
                "parameters": [
                    *one,
                    _query("index", {"type": "integer", "minimum": 0, "maximum": 1000, "default": 0}),
                ],
                "responses": {
                    "200": {
                        "description": "The small picture",
                        "content": {"image/webp": {"schema": _BINARY}},
                    },
                    "304": {"description": "As If-None-Match said"},
                    **_problems(404, 409, 422),
                },
            }
        },
        "/v1/jobs/{job_id}/inputs/{role}": {
            "get": {
                "operationId": "input",
                "summary": "Download what the job was given",
                "parameters": [*one, _path("role")],
                "responses": {"200": _picture("The picture"), **_problems(404)},
            }
        },
    }


def _other_paths(params: dict[str, Any]) -> dict[str, Any]:
    simple = {
        "file": {**_BINARY, "description": "The photo."},
        "style": {**_BINARY, "description": "The style image; the first of the gallery if left out."},
        "style_id": {"type": "string"},
        **params,
    }
    answer = {
        "type": "object",
        "properties": {
            "job": {"type": "string"},
            "media_type": {"type": "string"},
            "width": {"type": "integer"},
            "height": {"type": "integer"},
            "image": {"type": "string", "contentEncoding": "base64"},
        },
    }
    wrong = _problems(400, 413, 415, 422, 429, 503, 504)
    state = {"type": "object", "properties": {"status": {"type": "string"}}}
    return {
        "/stylize": {
            "post": {
                "operationId": "stylize",
                "summary": "Stylise and wait: JSON with the picture in base64",
                "requestBody": _form(simple, ["file"], parts=True),
                "responses": {"200": _json("The picture", answer), **wrong},
            }
        },
        "/stylize_download": {
            "post": {
                "operationId": "stylize_download",
                "summary": "Stylise and wait: a JPEG",
                "requestBody": _form(simple, ["file"], parts=True),
                "responses": {"200": _picture("The picture"), **wrong},
            }
        },
        "/healthz": {
            "get": {
                "operationId": "healthz",
                "summary": "Liveness",
                "responses": {"200": _json("Alive", state)},
            }
        },
        "/readyz": {
            "get": {
                "operationId": "readyz",
                "summary": "Readiness",
                "responses": {"200": _json("Ready", state), "503": _json("Not ready", state)},
            }
        },
        "/metrics": {
            "get": {
                "operationId": "metrics",
                "summary": "Figures for Prometheus",
                "responses": {
                    "200": {
                        "description": "Text format 0.0.4",
                        "content": {"text/plain": {"schema": {"type": "string"}}},
                    }
                },
            }
        },
    }


@cache
def document() -> dict[str, Any]:
    """The whole description."""
    params = params_of("stylize")
    paths = {
        **_jobs_paths(),
        **training_paths(),
        **link_paths(),
        **queue_paths(as_fields(params)),
        **admin_paths(),
        **inputs_paths(),
        **_other_paths(as_fields(params)),
    }
    for path, methods in paths.items():
        for operation in methods.values():
            add_refusals(path, operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Atelier",
            "version": version("atelier"),
            "description": "An asynchronous job queue for neural style transfer.",
        },
        "paths": paths,
        "security": [{"key": []}, {}],
        "components": {
            "schemas": {**schemas(), **definitions()},
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key, where the service asks for one: atl_…",
                }
            },
        },
    }
