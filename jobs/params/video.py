"""Parameters of `video` jobs. Names and defaults are those of the command line."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from jobs.params.fields import NetworkChoice, Strength, StyleShare
from params.form_lists import split_list
from params.tuned_networks import AUTO

Seconds = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]


class VideoParams(BaseModel):
    """Parameters of a `video` job."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    alpha: Strength = Field(
        0.8, description="Strength of the style: 0 gives the video's own frames, 1 is full strength."
    )
    alpha_points: Annotated[list[tuple[Seconds, Strength]], BeforeValidator(split_list)] = Field(
        [],
        max_length=100,
        description="Strength over time instead of `alpha`: `[[seconds, alpha], …]` in JSON, with "
        "straight lines between.",
        examples=[[[0, 0], [3, 1]]],
    )
    temporal: Strength = Field(
        0.8, description="From 0, every frame for itself, to 1, as calm as it gets."
    )
    start_s: Seconds = Field(0.0, description="Where to begin, in seconds.")
    end_s: Seconds | None = Field(None, description="Where to end; the video's end when left out.")
    size: int | None = Field(
        None, ge=32, le=4096, description="Long side in pixels; the video's own when left out."
    )
    color: Literal["style", "luminance", "match"] = Field(
        "style", description="Where the colours come from, as in stylize jobs."
    )
    network: str = Field(
        AUTO, pattern=NetworkChoice, description="As in stylize jobs: bundled, or of /v1/networks."
    )
    styles: Annotated[list[StyleShare], BeforeValidator(split_list)] = Field(
        [], max_length=8, description="Several styles to mix, as in stylize jobs."
    )
    texture: Strength = Field(
        0.5,
        description="Noise in the photo for the network to paint from: 0 is smooth, 1 textured. It "
        "holds still from frame to frame.",
    )
    seed: int = Field(0, ge=0, le=2**32 - 1, description="Pattern of that noise.")
    format: Literal["mp4", "webm", "mov", "mkv", "gif", "png"] = Field(
        "mp4", description="Format of the output; `png` is a zip archive of frames."
    )
    quality: int = Field(80, ge=1, le=100, description="Quality of the pictures.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end_s is not None and self.end_s <= self.start_s:
            raise ValueError("end_s is after start_s.")
        times = [time for time, _ in self.alpha_points]
        if times != sorted(set(times)):
            raise ValueError("The times of alpha_points rise.")
        if self.styles and not sum(share.weight for share in self.styles):
            raise ValueError("One weight at least is above 0.")
        return self
