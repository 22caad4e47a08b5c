"""Validation of requests by pydantic models, with errors of the service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from jobs.errors import InvalidParamsError

Model = TypeVar("Model", bound=BaseModel)


def validated(model: type[Model], values: Mapping[str, Any]) -> Model:
    """The values as a `model`. Raises `InvalidParamsError`, which names each invalid field."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise InvalidParamsError(
            [(".".join(map(str, item["loc"])) or "body", _explain(item)) for item in error.errors()]
        ) from None


def _explain(item: Any) -> str:
    if item["type"] == "extra_forbidden":
        return "There is no such field."
    message: str = item["msg"].removeprefix("Value error, ").rstrip(".")
    shown = repr(item["input"])
    return f"{message} (got {shown[:40]})."
