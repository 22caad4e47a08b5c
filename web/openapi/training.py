"""The part of the API's description that is about trainings, networks and datasets."""

from __future__ import annotations

from typing import Any

from web.openapi.parts import BINARY, JOB, form, json_body, path, picture, problems, query

_NETWORK = {"$ref": "#/components/schemas/Network"}
_DATASET = {"$ref": "#/components/schemas/Dataset"}
_GONE = {"description": "Gone"}
_WRONG = (400, 413, 415, 422, 429, 503)
_NAME = {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,63}$"}


def training_paths() -> dict[str, Any]:
    """Path → methods."""
    return {**_job_paths(), **_network_paths(), **_dataset_paths()}


def _job_paths() -> dict[str, Any]:
    one = [path("job_id")]
    verbs = {
        "pause": "Stop a training with a checkpoint, until it is resumed",
        "resume": "Let a paused training go on",
        "finish": "Stop, it looks good: end a training now, with the network as it is",
    }
    numbers = {name: {"type": ["number", "null"]} for name in ("content", "style", "tv", "total")}
    loss = {"type": "object", "properties": {"step": {"type": "integer"}, **numbers}}
    sample = {
        "type": "object",
        "properties": {"step": {"type": "integer"}, "url": {"type": "string"}},
    }
    after = query("after", {"type": "integer", "minimum": -1, "maximum": 10**9}, "Later steps alone")
    return {
        **{
            f"/v1/jobs/{{job_id}}/{verb}": {
                "post": {
                    "operationId": f"{verb}_training",
                    "summary": summary,
                    "parameters": one,
                    "responses": {"202": json_body("Asked", JOB), **problems(404, 409)},
                }
            }
            for verb, summary in verbs.items()
        },
        "/v1/jobs/{job_id}/losses": {
            "get": {
                "operationId": "losses",
                "summary": "The losses of a training, in order; at most 2,000 at a time",
                "parameters": [*one, after],
                "responses": {"200": json_body("The losses", _items(loss)), **problems(404, 422)},
            }
        },
        "/v1/jobs/{job_id}/samples": {
            "get": {
                "operationId": "samples",
                "summary": "The sample pictures of a training or an optimisation",
                "parameters": one,
                "responses": {"200": json_body("The samples", _items(sample)), **problems(404)},
            }
        },
        "/v1/jobs/{job_id}/samples/{step}": {
            "get": {
                "operationId": "sample",
                "summary": "The sample picture of a step",
                "parameters": [*one, _number("step")],
                "responses": {"200": picture("The picture"), **problems(404)},
            }
        },
    }


def _network_paths() -> dict[str, Any]:
    one = [path("network_id")]
    file = {**BINARY, "description": "A .safetensors file that Atelier saved."}
    which = {**path("which"), "schema": {"enum": ["style", "sample"]}}
    return {
        "/v1/networks": {
            "get": {
                "operationId": "list_networks",
                "summary": "One's own trained networks, newest first",
                "responses": {"200": json_body("The networks", _items(_NETWORK))},
            },
            "post": {
                "operationId": "create_network",
                "summary": "Take a network that was trained elsewhere",
                "requestBody": form({"file": file, "name": _NAME}, ["file", "name"]),
                "responses": {"201": json_body("Taken", _NETWORK), **problems(*_WRONG)},
            },
        },
        "/v1/networks/{network_id}": {
            "get": {
                "operationId": "show_network",
                "summary": "Look at a network",
                "parameters": one,
                "responses": {"200": json_body("The network", _NETWORK), **problems(404)},
            },
            "delete": {
                "operationId": "delete_network",
                "summary": "Forget a network; jobs that were sent with it keep it",
                "parameters": one,
                "responses": {"204": _GONE, **problems(404)},
            },
        },
        "/v1/networks/{network_id}/file": {
            "get": {
                "operationId": "network_file",
                "summary": "The network as one safetensors file",
                "parameters": one,
                "responses": {
                    "200": {
                        "description": "The file",
                        "content": {"application/vnd.safetensors": {"schema": BINARY}},
                    },
                    **problems(404),
                },
            }
        },
        "/v1/networks/{network_id}/{which}": {
            "get": {
                "operationId": "network_picture",
                "summary": "The picture of its style, or the last sample of its training",
                "parameters": [*one, which],
                "responses": {"200": picture("The picture"), **problems(404)},
            }
        },
    }


def _dataset_paths() -> dict[str, Any]:
    one = [path("dataset_id")]
    fields = {
        "file": {**BINARY, "description": "A zip archive of JPEG, PNG and WebP pictures."},
        "folder": {"type": "string", "description": "Or a folder below the server's DATASET_ROOT."},
        "name": {"type": "string", "minLength": 1, "maxLength": 120},
    }
    return {
        "/v1/datasets": {
            "get": {
                "operationId": "list_datasets",
                "summary": "Photographs to train with: those for all, then one's own",
                "responses": {"200": json_body("The datasets", _items(_DATASET))},
            },
            "post": {
                "operationId": "create_dataset",
                "summary": "Send photographs as a zip archive, or register a folder",
                "requestBody": form(fields, ["name"]),
                "responses": {"201": json_body("Kept", _DATASET), **problems(*_WRONG)},
            },
        },
        "/v1/datasets/{dataset_id}": {
            "get": {
                "operationId": "show_dataset",
                "summary": "Look at a dataset",
                "parameters": one,
                "responses": {"200": json_body("The dataset", _DATASET), **problems(404)},
            },
            "delete": {
                "operationId": "delete_dataset",
                "summary": "Forget a dataset of one's own",
                "parameters": one,
                "responses": {"204": _GONE, **problems(404, 409)},
            },
        },
        "/v1/datasets/{dataset_id}/images/{number}": {
            "get": {
                "operationId": "dataset_image",
                "summary": "A photograph, counted from 0",
                "parameters": [*one, _number("number")],
                "responses": {"200": picture("The picture"), **problems(404)},
            }
        },
    }


def _items(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {"items": {"type": "array", "items": schema}}}


def _number(name: str) -> dict[str, Any]:
    return {**path(name), "schema": {"type": "integer", "minimum": 0, "maximum": 10**9}}


def network_schema() -> dict[str, Any]:
    """A trained network."""
    return {
        "type": "object",
        "properties": {
            "id": {"type": "string", "format": "uuid"},
            "name": {"type": "string"},
            "version": {"type": "integer"},
            "architecture": {"type": "string"},
            "styled": {"type": "boolean", "description": "Its style is in its weights."},
            "bytes": {"type": "integer"},
            "sha256": {"type": "string"},
            "settings": {"type": "object"},
            "figures": {"type": "object"},
            "job_id": {"type": ["string", "null"]},
            "created_at": {"type": "string", "format": "date-time"},
            "urls": {"type": "object", "additionalProperties": {"type": "string"}},
        },
        "required": ["id", "name", "version", "architecture", "styled", "urls"],
    }


def dataset_schema() -> dict[str, Any]:
    """A dataset."""
    return {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "name": {"type": "string"},
            "own": {"type": "boolean"},
            "images": {"type": "integer"},
            "folder": {"type": ["string", "null"]},
            "created_at": {"type": "string", "format": "date-time"},
            "urls": {"type": "object", "additionalProperties": {"type": "string"}},
        },
        "required": ["id", "name", "own", "images", "urls"],
    }
