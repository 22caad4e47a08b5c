"""Parameters of `optimize` jobs."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from jobs.params.form_lists import split_list
from jobs.params.train import Layer, Weight


class OptimizeParams(BaseModel):
    """Parameters of an `optimize` job: one picture, pixel by pixel (Gatys et al.)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: int = Field(512, ge=16, le=2_048, description="Long side of the result in pixels.")
    style_size: int = Field(
        0,
        ge=0,
        le=2_048,
        description="Short side of the style; 0 is the result's. Smaller: finer strokes.",
    )
    steps: int = Field(150, ge=1, le=2_000, description="Steps at each level.")
    levels: int = Field(3, ge=1, le=6, description="Sizes from coarse to fine, each twice the last.")
    optimizer: Literal["lbfgs", "adam"] = Field("lbfgs", description="L-BFGS is better, Adam lighter.")
    start: Literal["content", "noise"] = Field("content", description="What the pixels start as.")
    content_weight: float = Field(1.0, ge=0, le=1e9, allow_inf_nan=False)
    style_weight: float = Field(
        20.0, ge=0, le=1e9, allow_inf_nan=False, description="Higher is further from the photo."
    )
    tv_weight: float = Field(0.5, ge=0, le=1e9, allow_inf_nan=False, description="Higher is smoother.")
    style_layers: Annotated[list[Layer], BeforeValidator(split_list)] = Field(
        ["relu1_1", "relu2_1", "relu3_1", "relu4_1"],
        min_length=1,
        max_length=10,
        description="Layers of VGG-16, up to relu4_3, that hold the style.",
    )
    layer_weights: Annotated[list[Weight], BeforeValidator(split_list)] = Field(
        [], max_length=10, description="What each style layer counts; all the same if left out."
    )
    color: Literal["style", "luminance", "match"] = Field(
        "style", description="Where the colours come from, as in stylize jobs."
    )
    alpha: float = Field(
        1.0, ge=0, le=1, allow_inf_nan=False, description="Strength in the pixels; 0 is the photo."
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Of the noise.")
    format: Literal["auto", "png", "jpeg", "webp"] = Field(
        "auto", description="Format of the output; `auto` keeps the photo's."
    )
    quality: int = Field(92, ge=1, le=100, description="Quality of JPEG and WebP.")

    @model_validator(mode="after")
    def _as_many_weights(self) -> Self:
        if self.layer_weights and len(self.layer_weights) != len(self.style_layers):
            raise ValueError("Give one of layer_weights for each of style_layers.")
        if self.layer_weights and not sum(self.layer_weights):
            raise ValueError("One of layer_weights at least is above 0.")
        return self
