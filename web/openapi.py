"""The API's description, put together from the same models that check requests."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Any

from jobs.lifecycle import JobStatus
from jobs.params import PARAMS, StylizeParams
from web.openapi_schemas import schemas

_PROBLEM = {"$ref": "#/components/schemas/Problem"}
_JOB = {"$ref": "#/components/schemas/Job"}
_BINARY = {"type": "string", "format": "binary"}


def _json(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _picture(description: str) -> dict[str, Any]:
    types = ("image/jpeg", "image/png", "image/webp")
    return {"description": description, "content": {name: {"schema": _BINARY} for name in types}}


def _problems(*statuses: int) -> dict[str, Any]:
    texts = {
        400: "Malformed request",
        404: "Not found",
        409: "Not in this state",
        413: "Too large",
        415: "Not a supported type",
        422: "A field is not valid",
        503: "Something that is needed is away",
        504: "Not done in time; the job goes on",
    }
    return {
        str(status): {
            "description": texts[status],
            "content": {"application/problem+json": {"schema": _PROBLEM}},
        }
        for status in statuses
    }


def _path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _query(name: str, schema: dict[str, Any], description: str = "") -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema, "description": description}


def _form(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": properties,
        "required": required,
        # Pictures that `styles` and `regions` name.
        "additionalProperties": {**_BINARY, "description": "A picture that another field names."},
    }
    lists = {name: {"contentType": "application/json"} for name in ("alphas", "styles", "regions")}
    return {
        "required": True,
        "content": {"multipart/form-data": {"schema": schema, "encoding": lists}},
    }


def _jobs_paths(params: dict[str, Any]) -> dict[str, Any]:
    fields = {
        "kind": {"enum": list(PARAMS), "default": "stylize"},
        "content": {**_BINARY, "description": "The photo: JPEG, PNG or WebP."},
        "style": {**_BINARY, "description": "The style image; or name one with style_id."},
        "style_id": {"type": "string", "description": "A style of /v1/styles."},
        "priority": {"type": "integer", "minimum": -100, "maximum": 100, "default": 0},
        **params,
    }
    prefer = {
        "name": "Prefer",
        "in": "header",
        "schema": {"type": "string"},
        "description": "`wait=N`: answer 200 with the finished job if it ends within N ≤ 30 seconds.",
    }
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "schema": {"type": "string", "minLength": 1, "maxLength": 200},
        "description": "The same request under the same key gives the same job, also after it ended.",
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
    return {
        "/v1/jobs": {
            "post": {
                "operationId": "submit",
                "summary": "Submit a job",
                "parameters": [prefer, key],
                "requestBody": _form(fields, ["content"]),
                "responses": {
                    "202": _json("Taken; follow Location", _JOB),
                    "200": _json("Taken and finished (Prefer: wait)", _JOB),
                    **_problems(400, 413, 415, 422, 503),
                },
            },
            "get": {
                "operationId": "list_jobs",
                "summary": "List jobs, newest first",
                "parameters": [
                    _query("status", {"enum": statuses}),
                    _query("kind", {"enum": list(PARAMS)}),
                    _query("limit", {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}),
                    _query("cursor", {"type": "string"}, "`next` of the page before"),
                ],
                "responses": {"200": _json("A page", page), **_problems(422)},
            },
        },
        "/v1/jobs/{job_id}": {
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
                        "description": "`state`, `progress` and `cancel` events",
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
                    _query("index", {"type": "integer", "minimum": 0, "default": 0}),
                    _query("download", {"type": "string"}, "Any value: save instead of show"),
                ],
                "responses": {"200": _picture("The picture"), **_problems(404, 409, 422)},
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
    styles = {
        "type": "object",
        "properties": {"styles": {"type": "array", "items": {"$ref": "#/components/schemas/Style"}}},
    }
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
    wrong = _problems(400, 413, 415, 422, 503, 504)
    one = [_path("style_id")]
    state = {"type": "object", "properties": {"status": {"type": "string"}}}
    return {
        "/v1/styles": {
            "get": {
                "operationId": "list_styles",
                "summary": "List styles",
                "responses": {"200": _json("The styles", styles)},
            }
        },
        "/v1/styles/{style_id}": {
            "get": {
                "operationId": "show_style",
                "summary": "Look at a style",
                "parameters": one,
                "responses": {
                    "200": _json("The style", {"$ref": "#/components/schemas/Style"}),
                    **_problems(404),
                },
            }
        },
        "/v1/styles/{style_id}/image": {
            "get": {
                "operationId": "style_image",
                "summary": "The style's picture",
                "parameters": [*one, _query("size", {"enum": [96, 192, 384]})],
                "responses": {"200": _picture("The picture"), **_problems(404, 422)},
            }
        },
        "/stylize": {
            "post": {
                "operationId": "stylize",
                "summary": "Stylise and wait: JSON with the picture in base64",
                "requestBody": _form(simple, ["file"]),
                "responses": {"200": _json("The picture", answer), **wrong},
            }
        },
        "/stylize_download": {
            "post": {
                "operationId": "stylize_download",
                "summary": "Stylise and wait: a JPEG",
                "requestBody": _form(simple, ["file"]),
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
    described = StylizeParams.model_json_schema(ref_template="#/components/schemas/{model}")
    params = described["properties"]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Atelier",
            "version": version("atelier"),
            "description": "An asynchronous job queue for neural style transfer.",
        },
        "paths": {**_jobs_paths(params), **_other_paths(params)},
        "components": {"schemas": {**schemas(), **described["$defs"]}},
    }
