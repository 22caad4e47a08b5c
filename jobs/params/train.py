"""What a training and an optimisation may be asked for. Names and defaults are the command line's."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

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
