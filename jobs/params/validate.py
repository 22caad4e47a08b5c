"""Validation of requests by pydantic models, with errors of the service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from jobs.errors import InvalidParamsError

Model = TypeVar("Model", bound=BaseModel)


def validated(
    model: type[Model], values: Mapping[str, Any], *, problems: Sequence[tuple[str, str]] = ()
) -> Model:
    """The values as a `model`.

    Raises `InvalidParamsError`, which names each invalid field, and the `problems` that were found
    elsewhere in the same request.
    """
    found = list(problems)
    try:
        valid = model.model_validate(values)
    except ValidationError as error:
        found += [
            (".".join(map(str, item["loc"])) or "body", _explain(item)) for item in error.errors()
        ]
    if found:
        raise InvalidParamsError(found)
    return valid


def _explain(item: Any) -> str:
    if item["type"] == "extra_forbidden":
        return "There is no such field."
    message: str = item["msg"].removeprefix("Value error, ").rstrip(".")
    shown = repr(item["input"])
    return f"{message} (got {shown[:40]})."
