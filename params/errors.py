"""Validation of parameters with error messages for people, from the errors of pydantic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

M = TypeVar("M", bound=BaseModel)


class SettingsError(ValueError):
    """Settings are invalid. The text is one line that names every setting that is wrong."""


def parse_settings(model: type[M], values: Mapping[str, Any], *, strict: bool = False) -> M:
    """Validate `values` as settings of `model`.

    `strict` refuses numbers given as text and booleans given as numbers. Raises `SettingsError`.
    """
    try:
        return model.model_validate(dict(values), strict=strict)
    except ValidationError as error:
        problems = [(".".join(map(str, item["loc"])), explain(item)) for item in error.errors()]
        text = " ".join(f"{name}: {problem}" if name else problem for name, problem in problems)
        raise SettingsError(text) from error


def explain(item: ErrorDetails) -> str:
    """Sentence that says what is wrong with a value."""
    if item["type"] == "extra_forbidden":
        return "There is no such field."
    message = item["msg"].removeprefix("Value error, ").rstrip(".")
    if not isinstance(item["input"], str | int | float | list | tuple):
        return f"{message}."  # a whole model is too much to show
    return f"{message} (got {repr(item['input'])[:40]})."
