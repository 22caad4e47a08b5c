"""What each kind of job may be asked for: validated, with unknown fields refused."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from jobs.errors import InvalidParamsError

StyleId = r"^[a-z0-9][a-z0-9-]{0,63}$"


class StylizeParams(BaseModel):
    """Parameters of a `stylize` job. Names and defaults are those of the command line."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    alpha: float = Field(
        0.8,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Strength of the style: 0 gives the photo back exactly, 1 is full strength.",
    )
    size: int | None = Field(
        None,
        ge=16,
        le=4096,
        description="Long side of the output in pixels; the photo's own size when left out.",
    )
    network: Literal["slim"] = Field(
        "slim", description="`slim` is AdaIN with a small encoder, quick on any machine."
    )
    preserve_color: bool = Field(False, description="Keep the photo's colours, take only the strokes.")
    format: Literal["auto", "png", "jpeg", "webp"] = Field(
        "auto", description="Format of the output; `auto` keeps the photo's."
    )


#: Kind of job → its parameters.
PARAMS: dict[str, type[StylizeParams]] = {"stylize": StylizeParams}
#: Kind of job → its queue.
QUEUES: dict[str, str] = {"stylize": "stylize"}


def validate_params(kind: str, values: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a job of `kind`, defaults filled in. Raises `InvalidParamsError`."""
    try:
        model = PARAMS[kind]
    except KeyError:
        known = ", ".join(sorted(PARAMS))
        raise InvalidParamsError(
            [("kind", f"There is no kind of job {kind!r}; use {known}.")]
        ) from None
    try:
        return model.model_validate(values).model_dump()
    except ValidationError as error:
        raise InvalidParamsError(
            [(".".join(map(str, item["loc"])) or "body", _explain(item)) for item in error.errors()]
        ) from None


def _explain(item: Any) -> str:
    if item["type"] == "extra_forbidden":
        return "There is no such field."
    message: str = item["msg"]
    shown = repr(item["input"])
    return f"{message} (got {shown[:40]})."
