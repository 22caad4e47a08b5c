"""What a training and an optimisation may be asked for. Names and defaults are the command line's."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from jobs.listed import split_list

Layer = Annotated[str, Field(pattern=r"^relu([12]_[12]|[34]_[123])$")]
Weight = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
#: Networks that come with Atelier; others are trained or imported.
BUNDLED_NETWORKS = frozenset({"slim", "full"})
_NAME = r"^[a-z0-9][a-z0-9-]{0,63}$"
_ID = r"^[a-z0-9][a-z0-9-]{0,63}$"


class TrainParams(BaseModel):
    """Parameters of a `train` job."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(
        pattern=_NAME,
        description="What the network will be called; training the name again makes a new version.",
    )
    architecture: Literal["johnson", "adain"] = Field(
        "johnson",
        description="`johnson` learns the one style of `style` or `style_id`; `adain` learns to take "
        "any style, from the pictures of `style_dataset_id`.",
    )
    dataset_id: str = Field(
        "samples", pattern=_ID, description="The photographs to learn from, of /v1/datasets."
    )
    style_dataset_id: str | None = Field(
        None, pattern=_ID, description="For `adain`: the paintings to learn from."
    )
    max_steps: int = Field(40_000, ge=1, le=1_000_000, description="Optimiser steps in all.")
    batch_size: int = Field(4, ge=1, le=64, description="Photographs a step.")
    image_size: int = Field(256, ge=32, le=1_024, description="Pixels of a crop's side.")
    lr: float | None = Field(
        None, gt=0, le=1, allow_inf_nan=False, description="Learning rate; the recipe's if left out."
    )
    strength: float = Field(
        1.0,
        ge=0.01,
        le=100,
        allow_inf_nan=False,
        description="How strong the style is where no `style_weight` is given; 1 balances it with the "
        "content.",
    )
    content_weight: float = Field(1.0, ge=0, le=1e15, allow_inf_nan=False)
    style_weight: float | None = Field(
        None,
        ge=0,
        le=1e15,
        allow_inf_nan=False,
        description="The recipe's own weight (1e6 for `johnson`); found from `strength` if left out.",
    )
    tv_weight: float = Field(
        1e-6, ge=0, le=1e15, allow_inf_nan=False, description="Higher is smoother (`johnson`)."
    )
    warm_start: bool = Field(
        True, description="Start from the bundled base network, which learns a style much sooner."
    )
    early_stop: bool = Field(True, description="Finish when the loss no longer falls.")
    use_amp: bool = Field(False, description="Half precision where it is safe: quicker on GPUs.")
    checkpoint_interval: int | None = Field(
        None, ge=1, le=1_000_000, description="Steps between checkpoints; suits the length if left out."
    )
    sample_interval: int | None = Field(
        None, ge=1, le=1_000_000, description="Steps between samples; suits the length if left out."
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, description="Of the first weights, the order, every crop.")

    @field_validator("name")
    @classmethod
    def _not_bundled(cls, name: str) -> str:
        if name in BUNDLED_NETWORKS:
            raise ValueError(f"{name} is the name of a bundled network")
        return name

    @model_validator(mode="after")
    def _two_datasets(self) -> Self:
        if (self.architecture == "adain") != (self.style_dataset_id is not None):
            raise ValueError("Give style_dataset_id for adain, and for adain alone.")
        return self


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
