"""Messages for people from the validation errors of pydantic."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails


def explain(error: ValidationError) -> list[tuple[str, str]]:
    """Pairs of (name of the field, what is wrong with its value); the name of a whole model is ""."""
    return [(".".join(map(str, item["loc"])), _message(item)) for item in error.errors()]


def _message(item: ErrorDetails) -> str:
    if item["type"] == "extra_forbidden":
        return "There is no such field."
    message = item["msg"].removeprefix("Value error, ").rstrip(".")
    if not item["loc"]:
        return f"{message}."  # of the whole model, which is too much to show
    shown = repr(item["input"])
    return f"{message} (got {shown[:40]})."
