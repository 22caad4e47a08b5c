"""Request bodies of the OpenAPI document, from the parameter models."""

from __future__ import annotations

from collections.abc import Container

from pydantic import BaseModel

from jobs.params.handling import Handling
from jobs.params.kinds import DEFAULT_KIND, KINDS
from jobs.params.stylize import StylizeParams
from web.openapi.operation import BINARY, Schema

_REF = "#/components/schemas/{model}"
_NAMED_FILE = {**BINARY, "description": "A picture that another field names."}
_UPLOAD: Schema = {
    "type": "object",
    "properties": {"upload": {"type": "string"}},
    "required": ["upload"],
    "additionalProperties": False,
}
_REMOTE: Schema = {
    "anyOf": [
        _UPLOAD,
        {
            "type": "string",
            "pattern": "^(https://|data:)",
            "description": "An https URL of a public address, or a data URI.",
        },
    ]
}
_VIDEO = "The video, in a form: MP4, MOV, MKV, WebM, AVI, MPEG, TS, FLV, WMV, OGV or GIF."


def form(properties: Schema, required: list[str], *, named_files: bool = False) -> Schema:
    """A multipart body; with `named_files`, also of file fields that `styles` and `regions` name."""
    schema = {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": _NAMED_FILE if named_files else False,
    }
    content = {"multipart/form-data": {"schema": schema, "encoding": _encoding(properties)}}
    return {"required": True, "content": content}


def json_body(model: type[BaseModel]) -> Schema:
    """A JSON body that can be left out."""
    return {"required": False, "content": {"application/json": {"schema": model.model_json_schema()}}}


def submit_body() -> Schema:
    """The body of a submit: a form with pictures, or JSON that names uploads; one schema per kind."""
    return {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {"anyOf": [_submit_form(*each) for each in _models()]},
                "encoding": _encoding(_list_params()),
            },
            "application/json": {"schema": {"anyOf": [_submit_json(*each) for each in _models()]}},
        },
    }


def batch_body() -> Schema:
    """The body of a batch."""
    pictures = {"type": "array", "items": BINARY}
    fields = {
        "content": {**pictures, "minItems": 1, "description": "The photos, in this order."},
        "style": {**pictures, "description": "Style images."},
        "style_id": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Ids of styles, beside or instead of files.",
        },
        "kind": {"enum": list(KINDS), "default": DEFAULT_KIND},
        **fields_of(Handling),
        **fields_of(StylizeParams),
    }
    return form(fields, ["content"])


def synchronous_body() -> Schema:
    """The body of `/stylize` and `/stylize_download`."""
    fields = {
        "file": {**BINARY, "description": "The photo."},
        "style": {**BINARY, "description": "The style image; by default the first of the gallery."},
        "style_id": {"type": "string"},
        **fields_of(StylizeParams),
    }
    return form(fields, ["file"], named_files=True)


def definitions() -> dict[str, Schema]:
    """The schemas that parameters refer to, by name."""
    found: dict[str, Schema] = {}
    for *_, model in _models():
        found |= _schema(model).get("$defs", {})
    return found


def fields_of(model: type[BaseModel]) -> dict[str, Schema]:
    """The fields of a model as form fields, which can be left out and can't be null."""
    return {name: without_null(schema) for name, schema in _schema(model)["properties"].items()}


def without_null(schema: Schema) -> Schema:
    """The schema of a field that can be left out but can't be null."""
    choices = [choice for choice in schema.get("anyOf", []) if choice.get("type") != "null"]
    if len(choices) != 1:
        return schema
    rest = {key: value for key, value in schema.items() if key not in {"anyOf", "default"}}
    return {**rest, **choices[0]}


def _schema(model: type[BaseModel]) -> Schema:
    return model.model_json_schema(ref_template=_REF)


def _models() -> list[tuple[str, str, type[BaseModel]]]:
    """Kind, title and model of each kind of job; a kind that is a union has one for each member."""
    return [
        (name, f"{name} {tag}".strip(), model)
        for name, kind in KINDS.items()
        for tag, model in kind.variants.items()
    ]


def _list_params() -> list[str]:
    """Parameters that are lists, whose form value may be JSON."""
    fields = [field for *_, model in _models() for field in fields_of(model).items()]
    return sorted({name for name, schema in fields if schema.get("type") == "array"})


def _encoding(names: Container[str]) -> Schema:
    lists = [name for name in _list_params() if name in names]
    return {name: {"contentType": "application/json"} for name in lists}


def _submit_form(kind: str, title: str, model: type[BaseModel]) -> Schema:
    return {
        "type": "object",
        "title": title,
        "properties": {
            **fields_of(Handling),
            "kind": _kind(kind),
            **_pictures(kind, BINARY),
            "style_id": {"type": "string", "description": "Id of a style."},
            **fields_of(model),
        },
        "required": [*_required(kind), *_required_params(model)],
        "additionalProperties": _NAMED_FILE if KINDS[kind].takes_named_files else False,
    }


def _submit_json(kind: str, title: str, model: type[BaseModel]) -> Schema:
    params = {
        "type": "object",
        "properties": _schema(model)["properties"],
        "required": _required_params(model),
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "title": title,
        "properties": {
            **fields_of(Handling),
            "kind": _kind(kind),
            **_pictures(kind, _REMOTE),
            "style_id": {"type": "string"},
            "params": params,
        },
        "required": [*_required(kind), *(["params"] if _required_params(model) else [])],
        "additionalProperties": _REMOTE if KINDS[kind].takes_named_files else False,
    }


def _kind(kind: str) -> Schema:
    return {"enum": [kind], **({"default": kind} if kind == DEFAULT_KIND else {})}


def _required(kind: str) -> list[str]:
    return [*([] if kind == DEFAULT_KIND else ["kind"]), *_content(kind)]


def _required_params(model: type[BaseModel]) -> list[str]:
    return list(_schema(model).get("required", []))


def _content(kind: str) -> list[str]:
    return [] if KINDS[kind].content is None else ["content"]


def _pictures(kind: str, schema: Schema) -> Schema:
    if not KINDS[kind].takes_pictures:
        return {}
    described = {"description": _VIDEO if KINDS[kind].content == "video" else "The photo."}
    content = {name: {**schema, **described} for name in _content(kind)}
    return {
        **content,
        "style": {**schema, "description": "The style image, unless `style_id` is sent."},
    }
