"""The part of the API's description that says what a job may be sent with, kind by kind."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from jobs.params.kinds import PARAMS, variants
from web.openapi.parts import BINARY, as_fields, handling

_CONTENT = {"video": "The video, in a form: MP4, MOV, MKV, WebM, AVI, MPEG, TS, FLV, WMV, OGV or GIF."}


def submit_body() -> dict[str, Any]:
    """The body of a request for a job: a form with pictures, or JSON that names uploads."""
    models = [(kind, model) for kind in PARAMS for model in variants(kind).values()]
    lists = {name for _, model in models for name in _list_fields(model)}
    encoding = {name: {"contentType": "application/json"} for name in sorted(lists)}
    forms = {"anyOf": [_form(kind, model) for kind, model in models]}
    return {
        "required": True,
        "content": {
            "multipart/form-data": {"schema": forms, "encoding": encoding},
            "application/json": {
                "schema": {"anyOf": [_by_uploads(kind, model) for kind, model in models]}
            },
        },
    }


def definitions() -> dict[str, Any]:
    """The schemas that parameters refer to."""
    found: dict[str, Any] = {}
    for kind in PARAMS:
        for model in variants(kind).values():
            found |= _described(model).get("$defs", {})
    return found


def params_of(kind: str) -> dict[str, Any]:
    """Name → schema of the parameters of a kind that has a single model."""
    (model,) = variants(kind).values()
    return _params(model)


def _params(model: type[BaseModel]) -> dict[str, Any]:
    properties: dict[str, Any] = _described(model)["properties"]
    return properties


def _title(kind: str, model: type[BaseModel]) -> str:
    tags = [tag for tag, each in variants(kind).items() if each is model]
    return kind if tags == [kind] else f"{kind} {tags[0]}"


def _list_fields(model: type[BaseModel]) -> list[str]:
    """Fields that are lists, whose form value may be JSON."""
    return [name for name, schema in _params(model).items() if schema.get("type") == "array"]


def _described(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema(ref_template="#/components/schemas/{model}")


def _form(kind: str, model: type[BaseModel]) -> dict[str, Any]:
    named = {**BINARY, "description": "A picture that another field names."}
    return {
        "type": "object",
        "title": _title(kind, model),
        "properties": {
            **handling(),
            **_kind(kind),
            **_pictures(kind, BINARY),
            "style_id": {"type": "string", "description": "A style of /v1/styles."},
            **as_fields(_params(model)),
        },
        "required": [*_kind_required(kind), *_content(kind), *_required(model)],
        "additionalProperties": named if kind in {"stylize", "video"} else False,
    }


def _by_uploads(kind: str, model: type[BaseModel]) -> dict[str, Any]:
    named = {
        "type": "object",
        "properties": {"upload": {"type": "string"}},
        "required": ["upload"],
        "additionalProperties": False,
    }
    params = {
        "type": "object",
        "properties": _params(model),
        "required": _required(model),
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "title": _title(kind, model),
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
            *(["params"] if _required(model) else []),
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


def _required(model: type[BaseModel]) -> list[str]:
    return list(_described(model).get("required", []))


def _pictures(kind: str, schema: dict[str, Any]) -> dict[str, Any]:
    if kind == "export":
        return {}
    content = {
        name: schema | {"description": _CONTENT.get(kind, "The photo.")} for name in _content(kind)
    }
    return {**content, "style": schema | {"description": "The style image; or name one with style_id."}}
