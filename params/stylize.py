"""Settings of `atelier stylize` and of `stylize` jobs."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from params.form_lists import split_list
from params.painting import PictureFileSettings, PictureSettings, Strength

Strengths = Annotated[
    list[Strength],
    BeforeValidator(split_list),
    Field(
        description="Several strengths, such as `0,0.25,0.5,0.75,1`, instead of the one `alpha`: one "
        "output for each, in this order."
    ),
]


class StylizeSettings(PictureSettings, PictureFileSettings):
    """Settings of pictures at one or several strengths, and of their files."""

    alpha: Strength = Field(
        0.8,
        description="Strength of the style: 0 gives the photo back exactly, 1 is full strength.",
    )
    alphas: Strengths = Field([])
    metadata: bool = Field(
        False, description="Record these settings in the file. Never anything of the photo's own."
    )

    @property
    def strengths(self) -> list[float]:
        """The strengths of the outputs, in order."""
        return self.alphas or [self.alpha]
