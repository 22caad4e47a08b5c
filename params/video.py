"""Settings of `atelier video` and of `video` jobs."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from params.form_lists import split_list
from params.painting import PaintSettings, Size, Strength

Seconds = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
VideoFormat = Literal["mp4", "mov", "mkv", "webm", "gif", "png"]


class VideoSettings(PaintSettings):
    """Settings of a video render. `texture` and `seed` give noise that holds still between frames."""

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
    size: Annotated[Size, Field(ge=32, le=8192)] = None
    format: VideoFormat | None = Field(
        None, description="Format of the output; `png` is a zip archive of frames."
    )
    quality: int = Field(80, ge=1, le=100, description="Quality of the pictures.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end_s is not None and self.end_s <= self.start_s:
            raise ValueError(f"The end ({self.end_s:g} s) is not after the start ({self.start_s:g} s).")
        times = [time for time, _ in self.alpha_points]
        if times != sorted(set(times)):
            raise ValueError("The times of alpha_points rise.")
        return self
