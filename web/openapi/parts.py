"""What the parts of the API's description are made of."""

from __future__ import annotations

from typing import Any

from jobs.params.kinds import PARAMS
from jobs.submission.validation import CANCEL_AFTER, PRIORITIES
from jobs.webhooks.webhook import EVENTS

PROBLEM = {"$ref": "#/components/schemas/Problem"}
JOB = {"$ref": "#/components/schemas/Job"}
BINARY = {"type": "string", "format": "binary"}
EXPIRES_IN = {
    "type": "integer",
    "minimum": 60,
    "maximum": 1_000_000_000,
    "description": "Seconds to keep this, counted from now, and at most as long as the service keeps "
    "things; the answer's expires_at tells.",
}


def json_body(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A JSON answer."""
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def picture(description: str) -> dict[str, Any]:
    """An answer that is a picture."""
    types = ("image/jpeg", "image/png", "image/webp")
    return {"description": description, "content": {name: {"schema": BINARY} for name in types}}


def problems(*statuses: int) -> dict[str, Any]:
    """Answers that are problems, by status."""
    texts = {
        400: "Malformed request",
        401: "No key, or not a valid one",
        403: "Not with this key, or not with this link",
        404: "Not found",
        409: "Not in this state",
        413: "Too large",
        415: "Not a supported type",
        422: "A field is not valid",
        429: "Too many requests, or as much as an owner may have; Retry-After says when to come back",
        503: "The queue is full, or something that is needed is away",
        504: "Not done in time; the job goes on",
    }
    return {
        str(status): {
            "description": texts[status],
            "content": {"application/problem+json": {"schema": PROBLEM}},
        }
        for status in statuses
    }


def path(name: str) -> dict[str, Any]:
    """A part of the path."""
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def query(name: str, schema: dict[str, Any], description: str = "") -> dict[str, Any]:
    """A query parameter."""
    return {"name": name, "in": "query", "schema": schema, "description": description}


def form(
    properties: dict[str, Any],
    required: list[str],
    json: dict[str, Any] | None = None,
    *,
    parts: bool = False,
) -> dict[str, Any]:
    """A multipart body, or `json` where that is taken too.

    With `parts`, other file fields may come that the fields `styles` and `regions` name.
    """
    named = {**BINARY, "description": "A picture that another field names."}
    schema = {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": named if parts else False,
    }
    lists = {name for name in ("alphas", "styles", "regions") if name in properties}
    encoding = {name: {"contentType": "application/json"} for name in sorted(lists)}
    content: dict[str, Any] = {"multipart/form-data": {"schema": schema, "encoding": encoding}}
    if json is not None:
        content["application/json"] = {"schema": json}
    return {"required": True, "content": content}


def header(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    """A request header."""
    return {"name": name, "in": "header", "schema": schema, "description": description}


def handling() -> dict[str, Any]:
    """The fields that every submit takes beside its parameters."""
    shortest, longest = CANCEL_AFTER
    low, high = PRIORITIES[0], PRIORITIES[-1]
    return {
        "kind": {"enum": list(PARAMS), "default": "stylize"},
        "priority": {
            "type": "integer",
            "minimum": low,
            "maximum": high,
            "default": 0,
            "description": "Higher goes first; at the same priority, owners take turns.",
        },
        "cancel_after": {
            "type": "integer",
            "minimum": shortest,
            "maximum": longest,
            "description": "Seconds from now; a job that has not ended by then is canceled.",
        },
        "use_cache": {
            "type": "boolean",
            "default": True,
            "description": "Answer from your own earlier job where it was asked exactly the same.",
        },
        "webhook_url": {
            "type": "string",
            "format": "uri",
            "description": "Told of the job by signed POSTs (Standard Webhooks); https, public.",
        },
        "webhook_events": {
            "type": "string",
            "description": f"Of which: {', '.join(EVENTS)}, or completed for the last three (default).",
        },
        "expires_in": EXPIRES_IN,
    }


def submit_headers() -> list[dict[str, Any]]:
    """The headers that every submit takes."""
    shortest, longest = CANCEL_AFTER
    seconds = {"type": "integer", "minimum": shortest, "maximum": longest}
    return [header("Cancel-After", seconds, "As the field `cancel_after`.")]


def idempotency_key() -> dict[str, Any]:
    """The header under which twice is once."""
    return header(
        "Idempotency-Key",
        {"type": "string", "minLength": 1, "maxLength": 200},
        "The same request under the same key gives the same answer, also after its end; another "
        "request under it is refused with 422.",
    )


def add_refusals(path: str, operation: dict[str, Any]) -> None:
    """What any call may be refused for: its key, its sender's page, and how often it was made."""
    if path in {"/healthz", "/readyz"}:
        operation["security"] = []
        return
    open_to_all = operation.get("security") == []
    statuses = (429,) if open_to_all else (401, 403, 429)
    operation["responses"] = {**problems(*statuses), **operation["responses"]}


def as_fields(params: dict[str, Any]) -> dict[str, Any]:
    """Parameters as form fields, which can be left out and can't be null."""
    return {name: _without_null(schema) for name, schema in params.items()}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    choices = [choice for choice in schema.get("anyOf", []) if choice.get("type") != "null"]
    if len(choices) != 1:
        return schema
    rest = {key: value for key, value in schema.items() if key not in {"anyOf", "default"}}
    return {**rest, **choices[0]}
