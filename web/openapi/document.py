"""The OpenAPI document of an application: its routes with their descriptions, types and parameters."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any, Literal

from flask import Flask
from openapi_pydantic import (
    Components,
    Info,
    MediaType,
    OpenAPI,
    PathItem,
    Reference,
    Response,
    SecurityScheme,
    Server,
    Tag,
)
from openapi_pydantic import Operation as OpenAPIOperation
from pydantic import TypeAdapter
from werkzeug.routing import Rule

from atelier import types
from web.openapi.bodies import definitions, without_null
from web.openapi.operation import Operation, Returned, Schema

_REF = "#/components/schemas/{model}"
_PROBLEMS = {
    400: "Malformed request",
    401: "No API key, or an invalid one",
    403: "Not allowed with this API key, or the link is not valid",
    404: "Not found",
    409: "Not possible in the current state",
    413: "Too large",
    415: "Not a supported type",
    422: "A field is not valid",
    429: "Too many requests, or a limit of the owner is reached; see `Retry-After`",
    503: "The queue is full, or a component that is needed is not available",
    504: "Not done in time; the job continues",
}
#: Tags in the order in which `/docs` shows them.
_TAGS = {
    "Jobs": "Submit, follow, cancel and download.",
    "Batches": "Several photos in several styles, submitted all or none.",
    "Uploads": "Pictures that are sent once and used by several jobs.",
    "Styles": "The gallery and your own styles.",
    "Trainings": "Control of trainings, their losses and samples.",
    "Networks": "Trained and imported networks.",
    "Datasets": "Photographs for trainings.",
    "Synchronous": "One call that waits for the picture.",
    "Queues": "State of the queues; pause and resume them.",
    "Operators": "Jobs of all owners, and workers. Needs the scope `admin`.",
    "Health": "Liveness, readiness and metrics.",
}
_DESCRIPTION = """\
An asynchronous job queue for neural style transfer.

**Submit, poll, download**

    curl -F content=@photo.jpg -F style_id=woodcut http://127.0.0.1:8000/v1/jobs
    curl http://127.0.0.1:8000/v1/jobs/{id}?wait=25
    curl -o painted.jpg http://127.0.0.1:8000/v1/jobs/{id}/output

**Wait in one call**: the header `Prefer: wait=20` makes the submit answer when the job has ended.

    curl -H 'Prefer: wait=20' -F content=@photo.jpg -F style_id=woodcut http://127.0.0.1:8000/v1/jobs

**A batch**: every photo in every style.

    curl -F content=@a.jpg -F content=@b.jpg -F style_id=woodcut -F style_id=night-oils \\
      http://127.0.0.1:8000/v1/batches
"""


def document(app: Flask) -> dict[str, Any]:
    """The description of the routes of `app` that have one (`describe`), as OpenAPI 3.1."""
    if "openapi" not in app.extensions:
        built = _document(app).model_dump(
            mode="json", by_alias=True, exclude_unset=True, exclude_none=True
        )
        app.extensions["openapi"] = built
    found: dict[str, Any] = app.extensions["openapi"]
    return found


def _document(app: Flask) -> OpenAPI:
    paths: dict[str, dict[str, OpenAPIOperation]] = {}
    operations: list[Operation] = []
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        operation: Operation | None = getattr(view, "operation", None)
        if operation is None:
            continue
        operations.append(operation)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
            paths.setdefault(path, {})[method.lower()] = _operation(operation, view, rule)
    key = SecurityScheme(
        type="http", scheme="bearer", description="An API key (`atl_…`), if the service asks for one."
    )
    return OpenAPI(
        openapi="3.1.0",
        info=Info(title="Atelier", version=version("atelier"), description=_DESCRIPTION),
        servers=[Server(url="/", description="This server")],
        tags=[Tag(name=name, description=text) for name, text in _TAGS.items()],
        paths={path: PathItem.model_validate(methods) for path, methods in paths.items()},
        security=[{"key": []}, {}],
        components=Components.model_validate(
            {
                "schemas": {**_schemas(operations), **definitions()},
                "securitySchemes": {"key": key},
            }
        ),
    )


def _operation(operation: Operation, view: Any, rule: Rule) -> OpenAPIOperation:
    summary, _, description = (inspect.getdoc(view) or "").partition("\n\n")
    parameters = [
        *(_path_parameter(name, operation, rule) for name in sorted(rule.arguments)),
        *_query_parameters(operation),
        *operation.headers,
    ]
    responses = {status: _problem(status) for status in (*_refusals(operation), *operation.problems)}
    responses |= {status: _response(returned) for status, returned in operation.responses.items()}
    return OpenAPIOperation.model_validate(
        {
            "operationId": operation.name or view.__name__,
            "tags": [operation.tag],
            "summary": " ".join(summary.split()).removesuffix("."),
            "description": description or None,
            "parameters": parameters,
            "requestBody": operation.body() if operation.body else None,
            "responses": {str(status): response for status, response in responses.items()},
            "security": [] if operation.public else None,
        }
    )


def _refusals(operation: Operation) -> tuple[int, ...]:
    """Statuses of every call: API key, page of another site, rate limit."""
    if not operation.public:
        return (401, 403, 429)
    return () if operation.tag == "Health" else (429,)


def _path_parameter(name: str, operation: Operation, rule: Rule) -> Schema:
    whole = f"<int:{name}>" in rule.rule
    number: Schema = {"type": "integer", "minimum": 0, "maximum": 10**9}
    default: Schema = number if whole else {"type": "string"}
    return {"name": name, "in": "path", "required": True, "schema": operation.path.get(name, default)}


def _query_parameters(operation: Operation) -> list[Schema]:
    if operation.query is None:
        return []
    properties = operation.query.model_json_schema()["properties"]
    return [
        {
            "name": name,
            "in": "query",
            "schema": without_null(schema),
            "description": schema.get("description", ""),
        }
        for name, schema in properties.items()
    ]


def _reference(shape: type) -> Reference:
    return Reference.model_validate({"$ref": _REF.format(model=shape.__name__)})


def _problem(status: int) -> Response:
    schema = _reference(types.Problem)
    content = {"application/problem+json": MediaType(schema=schema)}
    return Response(description=_PROBLEMS[status], content=content)


def _response(returned: Returned) -> Response:
    if returned.shape is not None:
        schema = _reference(returned.shape)
        content = {"application/json": MediaType(schema=schema)}
    else:
        content = {
            name: MediaType.model_validate({"schema": returned.schema}) for name in returned.media_types
        }
    return Response(description=returned.description, content=content or None)


def _schemas(operations: Iterable[Operation]) -> dict[str, Any]:
    """JSON schemas of the types that responses have, and of the types inside them, by name."""
    shapes = {
        returned.shape
        for operation in operations
        for returned in operation.responses.values()
        if returned.shape is not None
    }
    for shape in vars(types).values():
        if hasattr(shape, "__required_keys__"):
            shape.__pydantic_config__ = {"use_attribute_docstrings": True}
    named = sorted({*shapes, types.Problem}, key=lambda shape: shape.__name__)
    mode: Literal["serialization"] = "serialization"
    inputs = [(shape, mode, TypeAdapter[Any](shape)) for shape in named]
    _, found = TypeAdapter.json_schemas(inputs, ref_template=_REF)
    definitions: dict[str, Any] = found["$defs"]
    return definitions
