"""Parameters of `stylize` jobs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
)

from jobs.params.fields import NetworkChoice, RegionParams, Strength, StyleShare
from params.form_lists import split_list
from params.tuned_networks import AUTO


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
        AUTO,
        pattern=NetworkChoice,
        description="`auto` is the network tuned to the style, if there is one and it is the only "
        "style, else `slim`; the job names the one that was chosen. `slim` is AdaIN with a small "
        "encoder, quick anywhere; `full` is AdaIN at the width of VGG-16, many times slower. Or a "
        "network of /v1/networks, `NAME` or `NAME@VERSION`; one that was trained for a style needs no "
        "style.",
    )
    texture: Strength = Field(
        0.5,
        description="Noise in the photo for the network to paint from: 0 is smooth, 1 textured. No "
        "effect for a network that was trained without noise.",
    )
    seed: int = Field(0, ge=0, le=2**32 - 1, description="Pattern of that noise.")
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
