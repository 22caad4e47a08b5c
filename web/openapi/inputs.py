"""The part of the API's description that is about what goes into jobs: uploads and styles."""

from __future__ import annotations

from typing import Any

from web.openapi.parts import BINARY, EXPIRES_IN, form, json_body, path, picture, problems, query

_STYLE = {"$ref": "#/components/schemas/Style"}
_UPLOAD = {"$ref": "#/components/schemas/Upload"}
_GONE = {"description": "Gone"}
_WRONG = (400, 413, 415, 422, 429, 503)
LINK_REQUEST = {
    "type": "object",
    "properties": {
        "expires_in": {"type": "integer", "minimum": 1, "maximum": 1_000_000_000, "default": 3600},
        "index": {"type": "integer", "minimum": 0, "maximum": 1000, "default": 0},
    },
    "additionalProperties": False,
}
LINK = {
    "type": "object",
    "properties": {
        "url": {"type": "string"},
        "expires_at": {"type": "string", "format": "date-time"},
    },
    "required": ["url", "expires_at"],
}


def link_paths() -> dict[str, Any]:
    """Path → methods of links to outputs."""
    request = {"required": False, "content": {"application/json": {"schema": LINK_REQUEST}}}
    return {
        "/v1/jobs/{job_id}/output/url": {
            "post": {
                "operationId": "create_link",
                "summary": "A link that opens an output without a key, for a while",
                "parameters": [path("job_id")],
                "requestBody": request,
                "responses": {"201": json_body("The link", LINK), **problems(400, 404, 409, 422)},
            }
        },
        "/v1/outputs/{token}": {
            "get": {
                "operationId": "linked_output",
                "summary": "Download by a link",
                "security": [],
                "parameters": [path("token")],
                "responses": {"200": picture("The picture"), **problems(403, 404)},
            }
        },
    }


def inputs_paths() -> dict[str, Any]:
    """Path → methods."""
    return {**_uploads_paths(), **_styles_paths()}


def _uploads_paths() -> dict[str, Any]:
    one = [path("upload_id")]
    file = {**BINARY, "description": "JPEG, PNG or WebP; its metadata is not kept."}
    return {
        "/v1/uploads": {
            "post": {
                "operationId": "upload",
                "summary": "Send a picture ahead of jobs",
                "requestBody": form({"file": file, "expires_in": EXPIRES_IN}, ["file"]),
                "responses": {"201": json_body("Kept", _UPLOAD), **problems(*_WRONG)},
            }
        },
        "/v1/uploads/{upload_id}": {
            "get": {
                "operationId": "show_upload",
                "summary": "Look at an upload",
                "parameters": one,
                "responses": {"200": json_body("The upload", _UPLOAD), **problems(404)},
            },
            "delete": {
                "operationId": "delete_upload",
                "summary": "Forget an upload; jobs made of it keep their picture",
                "parameters": one,
                "responses": {"204": _GONE, **problems(404)},
            },
        },
        "/v1/uploads/{upload_id}/image": {
            "get": {
                "operationId": "upload_image",
                "summary": "The picture as it is kept",
                "parameters": one,
                "responses": {"200": picture("The picture"), **problems(404)},
            }
        },
    }


def _styles_paths() -> dict[str, Any]:
    one = [path("style_id")]
    styles = {
        "type": "object",
        "properties": {"styles": {"type": "array", "items": _STYLE}},
    }
    fields = {
        "file": {**BINARY, "description": "The style image."},
        "title": {"type": "string", "minLength": 1, "maxLength": 120},
    }
    return {
        "/v1/styles": {
            "get": {
                "operationId": "list_styles",
                "summary": "List the gallery and one's own styles",
                "responses": {"200": json_body("The styles", styles)},
            },
            "post": {
                "operationId": "create_style",
                "summary": "Register a style of one's own",
                "requestBody": form(fields, ["file", "title"]),
                "responses": {"201": json_body("Registered", _STYLE), **problems(*_WRONG)},
            },
        },
        "/v1/styles/{style_id}": {
            "get": {
                "operationId": "show_style",
                "summary": "Look at a style",
                "parameters": one,
                "responses": {"200": json_body("The style", _STYLE), **problems(404)},
            },
            "delete": {
                "operationId": "delete_style",
                "summary": "Forget a style of one's own; jobs that use it keep it",
                "parameters": one,
                "responses": {"204": _GONE, **problems(404, 409)},
            },
        },
        "/v1/styles/{style_id}/image": {
            "get": {
                "operationId": "style_image",
                "summary": "The style's picture",
                "parameters": [*one, query("size", {"enum": [96, 192, 384]})],
                "responses": {"200": picture("The picture"), **problems(404, 422)},
            }
        },
    }
