"""Operations of the API, declared beside their views: `@describe(tag, responses, …)`.

The decorator only attaches the description to the view; nothing is added to the handling of a request.
`web.openapi.document` collects the descriptions of an application.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel

View = TypeVar("View", bound=Callable[..., Any])
Schema = dict[str, Any]

BINARY: Schema = {"type": "string", "format": "binary"}
PICTURE_TYPES = ("image/jpeg", "image/png", "image/webp")


@dataclass(frozen=True, kw_only=True)
class Returned:
    """One response: a JSON object of the type `shape`, or bytes of `media_types`, or no body."""

    description: str
    shape: type | None = None
    media_types: tuple[str, ...] = ()
    schema: Schema = field(default_factory=lambda: BINARY)


@dataclass(frozen=True, kw_only=True)
class Operation:
    """The description of one view."""

    tag: str
    responses: Mapping[int, Returned]
    problems: tuple[int, ...] = ()
    query: type[BaseModel] | None = None
    #: The request body; a function, because it is built from models only when it is asked for.
    body: Callable[[], Schema] | None = None
    headers: tuple[Schema, ...] = ()
    #: Schemas of path parameters that are not plain strings or whole numbers.
    path: Mapping[str, Schema] = field(default_factory=dict)
    #: `operationId`; by default the view's name.
    name: str | None = None
    #: Needs no API key.
    public: bool = False


def describe(tag: str, responses: Mapping[int, Returned], **parts: Any) -> Callable[[View], View]:
    """Attach an `Operation` to a view. Summary and description come from the view's docstring."""

    def attach(view: View) -> View:
        view.operation = Operation(tag=tag, responses=responses, **parts)  # type: ignore[attr-defined]
        return view

    return attach


def returns(shape: type, description: str) -> Returned:
    """A JSON response."""
    return Returned(description=description, shape=shape)


def empty(description: str) -> Returned:
    """A response without a body."""
    return Returned(description=description)


def data(description: str, *media_types: str, schema: Schema = BINARY) -> Returned:
    """A response that is no JSON; by default a picture."""
    return Returned(description=description, media_types=media_types or PICTURE_TYPES, schema=schema)


def header(name: str, schema: Schema, description: str) -> Schema:
    """A request header."""
    return {"name": name, "in": "header", "schema": schema, "description": description}


NOT_MODIFIED = empty("Not modified: the `ETag` of `If-None-Match` is still valid")
DELETED = empty("Deleted")
IDEMPOTENCY_KEY = header(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 200},
    "The same request with the same key gets the same answer, also after the job has ended; "
    "a different request with the same key is refused with 422.",
)
