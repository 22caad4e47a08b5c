"""Parameters of `stylize` jobs."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from jobs.params.fields import NetworkField, RegionParams, StyleMix
from params.form_lists import split_list
from params.painting import Size
from params.stylize import Strengths, StylizeSettings
from params.tuned_networks import AUTO


class StylizeParams(StylizeSettings):
    """Parameters of a `stylize` job: the settings of the command line, within the service's limits."""

    alphas: Annotated[Strengths, Field(max_length=11)] = Field([])
    size: Annotated[Size, Field(ge=16, le=4096)] = None
    network: NetworkField = AUTO
    styles: StyleMix = Field([])
    regions: Annotated[list[RegionParams], BeforeValidator(split_list)] = Field(
        [],
        max_length=8,
        description="Parts of the picture with a style or strength of their own; later ones cover "
        "earlier ones. JSON; masks and pictures come as file fields that it names.",
        examples=[[{"mask": "face", "alpha": 0, "feather": 12}]],
    )
