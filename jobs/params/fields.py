"""Field types that the parameters of several kinds of jobs share."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from params.form_lists import split_list
from params.painting import Strength

StyleId = r"^[a-z0-9][a-z0-9-]{0,63}$"
FileField = r"^[a-z][a-z0-9_]{0,31}$"

NetworkName = r"^[a-z0-9][a-z0-9-]{0,63}$"
#: Pattern of a network in a job: `NAME` or `NAME@VERSION`.
NetworkChoice = r"^[a-z0-9][a-z0-9-]{0,63}(@[0-9]{1,9})?$"

NetworkField = Annotated[
    str,
    Field(
        pattern=NetworkChoice,
        description="`auto` is the network tuned to the style, if there is one and it is the only "
        "style, else `slim`; the job names the one that was chosen. `slim` is AdaIN with a small "
        "encoder, quick anywhere; `full` is AdaIN at the width of VGG-16, many times slower. Or a "
        "network of /v1/networks, `NAME` or `NAME@VERSION`; one that was trained for a style needs no "
        "style.",
    ),
]


class _StyleRef(BaseModel):
    """A style, by its id or as a picture in a file field of the request."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    style_id: str | None = Field(None, pattern=StyleId, description="A style of /v1/styles.")
    file: str | None = Field(
        None, pattern=FileField, description="The file field of this request that holds the picture."
    )


class StyleShare(_StyleRef):
    """A style of a mix and its weight. Give `style_id` or `file`."""

    weight: float = Field(
        1.0, ge=0, le=1_000, allow_inf_nan=False, description="Its share, relative to the others."
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.style_id is None) == (self.file is None):
            raise ValueError("Give style_id or file, and not both.")
        return self


class RegionParams(_StyleRef):
    """A region of the picture (a mask) with its own style or strength.

    Without `style_id` and `file` it has the style of the rest. Strength 0 keeps the photo.
    """

    mask: str = Field(
        pattern=FileField,
        description="The file field that holds the mask: white is inside, of any size.",
    )
    alpha: Strength | None = Field(
        None, description="Strength in the region; as in the rest when left out; 0 keeps the photo."
    )
    feather: float = Field(
        0.0, ge=0, le=500, allow_inf_nan=False, description="Pixels of the output that the edge fades."
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.style_id is not None and self.file is not None:
            raise ValueError("Give style_id or file, and not both.")
        return self


def _some_weight(styles: list[StyleShare]) -> list[StyleShare]:
    if styles and not sum(share.weight for share in styles):
        raise ValueError("One weight at least is above 0.")
    return styles


StyleMix = Annotated[
    list[StyleShare],
    BeforeValidator(split_list),
    AfterValidator(_some_weight),
    Field(
        max_length=8,
        description="Several styles to mix, instead of `style` or `style_id`. JSON; pictures come as "
        "file fields that it names.",
        examples=[[{"style_id": "night-oils", "weight": 2}, {"file": "mine"}]],
    ),
]
