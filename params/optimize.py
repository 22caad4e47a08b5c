"""Settings of an optimisation of one picture's pixels (Gatys et al. 2015)."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from params.form_lists import as_tuple
from params.painting import Color, Strength
from params.training import LayerName, check_layers

Weight = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
LayerWeight = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]


class GatysSettings(BaseModel):
    """Settings of an optimisation that any client may set. Sizes in pixels; losses are relative."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: int = Field(512, ge=16, le=2_048, description="Longer side of the result in pixels.")
    style_size: int = Field(
        0,
        ge=0,
        le=2_048,
        description="Shorter side of the style in pixels; 0: as the result. Smaller: finer strokes.",
    )
    steps: int = Field(150, ge=1, le=10_000, description="Steps at each level.")
    levels: int = Field(
        3, ge=1, le=6, description="Number of sizes from coarse to fine, each twice the one before."
    )
    optimizer: Literal["lbfgs", "adam"] = Field(
        "lbfgs", description="Optimiser: lbfgs gives better pictures, adam needs less memory."
    )
    start: Literal["content", "noise"] = Field("content", description="Initial pixels.")
    content_weight: Weight = Field(1.0, description="Weight of the content loss.")
    style_weight: Weight = Field(
        20.0, description="Weight of the style loss: higher is further from the photo."
    )
    tv_weight: Weight = Field(
        0.5, description="Weight of the total variation loss: higher is smoother."
    )
    style_layers: Annotated[tuple[LayerName, ...], BeforeValidator(as_tuple)] = Field(
        ("relu1_1", "relu2_1", "relu3_1", "relu4_1"),
        min_length=1,
        max_length=16,
        description="Layers of the style loss.",
    )
    layer_weights: Annotated[tuple[LayerWeight, ...], BeforeValidator(as_tuple)] = Field(
        (), max_length=16, description="Weight of each style layer; equal weights if left out."
    )
    color: Color = Field(
        "style",
        description="Colours: those of the style; luminance keeps the photo's hues; match gives the "
        "style the photo's colours first.",
    )
    alpha: Strength = Field(
        1.0, description="Strength, blended in the pixels: 0 is the photo, 1 is full strength."
    )
    seed: int = Field(0, ge=0, le=2**63 - 1, description="Seed of the noise.")

    @model_validator(mode="after")
    def _one_weight_for_each_layer(self) -> Self:
        if self.layer_weights and len(self.layer_weights) != len(self.style_layers):
            raise ValueError(
                f"Give one of layer_weights for each of style_layers: {len(self.style_layers)}, not "
                f"{len(self.layer_weights)}"
            )
        if self.layer_weights and not sum(self.layer_weights):
            raise ValueError("At least one of layer_weights must be above 0")
        return self

    @model_validator(mode="after")
    def _known_layers(self) -> Self:
        check_layers(self.style_layers, getattr(self, "loss_network", "vgg16"))
        return self

    @property
    def shares(self) -> dict[str, float]:
        """Weight of each style layer by name; they add up to 1."""
        weights = self.layer_weights or (1.0,) * len(self.style_layers)
        return {
            layer: weight / sum(weights)
            for layer, weight in zip(self.style_layers, weights, strict=True)
        }


class GatysConfig(GatysSettings):
    """Complete configuration of an optimisation."""

    lr: float = Field(0.02, ge=1e-5, le=1, allow_inf_nan=False, description="Learning rate of adam.")
    content_layer: LayerName = Field("relu4_2", description="Layer of the content loss.")
    loss_network: Literal["vgg16", "vgg19"] = Field(
        "vgg16", description="Loss network: vgg16 is bundled, vgg19 is downloaded on first use."
    )
    preview_interval: int = Field(25, ge=1, le=10_000, description="Steps between previews.")

    @model_validator(mode="after")
    def _known_content_layer(self) -> Self:
        check_layers([self.content_layer], self.loss_network)
        return self
