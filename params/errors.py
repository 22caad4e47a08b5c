"""Validation of parameters with error messages for people, from the errors of pydantic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
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
        known = model.model_fields
        problems = [
            (".".join(map(str, item["loc"])), explain(item, known if len(item["loc"]) == 1 else ()))
            for item in error.errors()
        ]
        text = " ".join(f"{name}: {problem}" if name else problem for name, problem in problems)
        raise SettingsError(text) from error


def no_such_field(name: str, known: Iterable[str]) -> str:
    """Sentence about an unknown field, with the most similar of the `known` fields."""
    found = get_close_matches(name, list(known), n=1, cutoff=0.7)
    return f"There is no such field. Did you mean {found[0]}?" if found else "There is no such field."


def explain(item: ErrorDetails, known: Iterable[str] = ()) -> str:
    """Sentence that says what is wrong with a value; `known` are the fields beside it."""
    if item["type"] == "extra_forbidden":
        return no_such_field(str(item["loc"][-1]), known)
    message = item["msg"].removeprefix("Value error, ").rstrip(".")
    if not isinstance(item["input"], str | int | float | list | tuple):
        return f"{message}."  # a whole model is too much to show
    return f"{message} (got {repr(item['input'])[:40]})."
