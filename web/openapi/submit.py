"""The part of the API's description that says what a job may be sent with, kind by kind."""

from __future__ import annotations

from typing import Any

from jobs.params.kinds import PARAMS
from web.openapi.parts import BINARY, as_fields, handling

#: Fields whose form value may be JSON.
_LISTS = ("alphas", "alpha_points", "styles", "regions", "style_layers", "layer_weights")
_CONTENT = {"video": "The video, in a form: MP4, MOV, MKV, WebM, AVI, MPEG, TS, FLV, WMV, OGV or GIF."}


def submit_body() -> dict[str, Any]:
    """The body of a request for a job: a form with pictures, or JSON that names uploads."""
    encoding = {name: {"contentType": "application/json"} for name in sorted(_LISTS)}
    forms = {"anyOf": [_form(kind) for kind in PARAMS]}
    return {
        "required": True,
        "content": {
            "multipart/form-data": {"schema": forms, "encoding": encoding},
            "application/json": {"schema": {"anyOf": [_by_uploads(kind) for kind in PARAMS]}},
        },
    }


def definitions() -> dict[str, Any]:
    """The schemas that parameters refer to."""
    found: dict[str, Any] = {}
    for kind in PARAMS:
        found |= _described(kind).get("$defs", {})
    return found


def params_of(kind: str) -> dict[str, Any]:
    """Name → schema of the parameters of a kind."""
    properties: dict[str, Any] = _described(kind)["properties"]
    return properties


def _described(kind: str) -> dict[str, Any]:
    return PARAMS[kind].model_json_schema(ref_template="#/components/schemas/{model}")


def _form(kind: str) -> dict[str, Any]:
    named = {**BINARY, "description": "A picture that another field names."}
    return {
        "type": "object",
        "title": kind,
        "properties": {
            **handling(),
            **_kind(kind),
            **_pictures(kind, BINARY),
            "style_id": {"type": "string", "description": "A style of /v1/styles."},
            **as_fields(params_of(kind)),
        },
        "required": [*_kind_required(kind), *_content(kind), *_required(kind)],
        "additionalProperties": named if kind in {"stylize", "video"} else False,
    }


def _by_uploads(kind: str) -> dict[str, Any]:
    named = {
        "type": "object",
        "properties": {"upload": {"type": "string"}},
        "required": ["upload"],
        "additionalProperties": False,
    }
    params = {
        "type": "object",
        "properties": params_of(kind),
        "required": _required(kind),
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "title": kind,
        "properties": {
            **handling(),
            **_kind(kind),
            **_pictures(kind, named),
            "style_id": {"type": "string"},
            "params": params,
        },
        "required": [
            *_kind_required(kind),
            *_content(kind),
            *(["params"] if _required(kind) else []),
        ],
        # Uploads that `styles` and `regions` name.
        "additionalProperties": named if kind in {"stylize", "video"} else False,
    }


def _kind(kind: str) -> dict[str, Any]:
    return {"kind": {"enum": [kind], **({"default": kind} if kind == "stylize" else {})}}


def _kind_required(kind: str) -> list[str]:
    return [] if kind == "stylize" else ["kind"]


def _content(kind: str) -> list[str]:
    return [] if kind in {"train", "export"} else ["content"]


def _required(kind: str) -> list[str]:
    return list(_described(kind).get("required", []))


def _pictures(kind: str, schema: dict[str, Any]) -> dict[str, Any]:
    if kind == "export":
        return {}
    content = {
        name: schema | {"description": _CONTENT.get(kind, "The photo.")} for name in _content(kind)
    }
    return {**content, "style": schema | {"description": "The style image; or name one with style_id."}}
