"""Fields of requests that are no parameters of a kind of job."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from jobs.errors import InvalidParamsError
from jobs.params.handling import ExpiresIn, Handling
from jobs.params.validate import validated


class UploadFields(BaseModel):
    """Fields beside the file of an upload."""

    model_config = ConfigDict(extra="forbid")

    expires_in: ExpiresIn | None = None


def take_handling(fields: MutableMapping[str, Any], header: str | None) -> Handling:
    """Take the fields of `Handling` out of the fields of a request.

    `header` is `Cancel-After`, the same as the field `cancel_after`. Raises `InvalidParamsError`.
    """
    values = {name: fields.pop(name) for name in Handling.model_fields if name in fields}
    if header is not None:
        if str(values.get("cancel_after", header)) != header:
            raise InvalidParamsError(
                [("cancel_after", "The field and the header Cancel-After differ.")]
            )
        values["cancel_after"] = header
    return validated(Handling, values)
