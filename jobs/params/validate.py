"""Validation of requests by pydantic models, with errors of the service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from jobs.errors import InvalidParamsError
from params.errors import explain

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
        for item in error.errors():
            known = model.model_fields if len(item["loc"]) == 1 else ()
            found.append((".".join(map(str, item["loc"])) or "body", explain(item, known)))
    if found:
        raise InvalidParamsError(found)
    return valid
