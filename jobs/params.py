"""What each kind of job may be asked for: validated, with unknown fields refused."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
)

from jobs.errors import InvalidParamsError
from jobs.export_params import ExportParams
from jobs.listed import split_list
from jobs.param_parts import NetworkChoice, RegionParams, Strength, StyleShare
from jobs.training_params import OptimizeParams, TrainParams
from jobs.video_params import VideoParams


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
    alphas: Annotated[list[Strength], BeforeValidator(split_list)] = Field(
        [],
        max_length=11,
        description="Several strengths, such as `0,0.25,0.5,0.75,1`, instead of the one `alpha`: one "
        "output for each, in this order.",
    )
    size: int | None = Field(
        None,
        ge=16,
        le=4096,
        description="Long side of the output in pixels; the photo's own size when left out.",
    )
    stroke: float | None = Field(
        None,
        ge=0.5,
        le=8,
        allow_inf_nan=False,
        description="Width of the strokes as a share of the picture, the same at every `size`: 1 is "
        "what a picture of 1024 pixels gets. As fine as the size allows when left out.",
    )
    color: Literal["style", "luminance", "match"] = Field(
        "style",
        description="Where the colours come from: `style` takes the style's; `luminance` keeps the "
        "photo's hues and takes only the light; `match` paints with the photo's palette.",
    )
    network: str = Field(
        "slim",
        pattern=NetworkChoice,
        description="`slim` is AdaIN with a small encoder, quick anywhere; `full` is AdaIN at the "
        "width of VGG-16, many times slower. Or a network of /v1/networks, `NAME` or `NAME@VERSION`; "
        "one that was trained for a style needs no style.",
    )
    styles: Annotated[list[StyleShare], BeforeValidator(split_list)] = Field(
        [],
        max_length=8,
        description="Several styles to mix, instead of `style` or `style_id`. JSON; pictures come as "
        "file fields that it names.",
        examples=[[{"style_id": "night-oils", "weight": 2}, {"file": "mine"}]],
    )
    regions: Annotated[list[RegionParams], BeforeValidator(split_list)] = Field(
        [],
        max_length=8,
        description="Parts of the picture with a style or strength of their own; later ones cover "
        "earlier ones. JSON; masks and pictures come as file fields that it names.",
        examples=[[{"mask": "face", "alpha": 0, "feather": 12}]],
    )
    format: Literal["auto", "png", "jpeg", "webp"] = Field(
        "auto", description="Format of the output; `auto` keeps the photo's."
    )
    quality: int = Field(92, ge=1, le=100, description="Quality of JPEG and WebP.")
    metadata: bool = Field(
        False, description="Record these settings in the file. Never anything of the photo's own."
    )

    @field_validator("styles")
    @classmethod
    def _some_weight(cls, styles: list[StyleShare]) -> list[StyleShare]:
        if styles and not sum(share.weight for share in styles):
            raise ValueError("One weight at least is above 0.")
        return styles


#: Kind of job → its parameters.
PARAMS: dict[str, type[BaseModel]] = {
    "stylize": StylizeParams,
    "train": TrainParams,
    "optimize": OptimizeParams,
    "video": VideoParams,
    "export": ExportParams,
}
#: Kind of job → its queue. What takes minutes does not hold up what takes a moment.
QUEUES: dict[str, str] = {
    "stylize": "stylize",
    "train": "train",
    "optimize": "train",
    "video": "train",
    "export": "train",
}


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


def strengths(params: dict[str, Any]) -> list[float]:
    """The strength of each output of a job with these parameters, in order."""
    return list(params.get("alphas") or [params["alpha"]])


def _explain(item: Any) -> str:
    if item["type"] == "extra_forbidden":
        return "There is no such field."
    message: str = item["msg"].removeprefix("Value error, ").rstrip(".")
    shown = repr(item["input"])
    return f"{message} (got {shown[:40]})."
