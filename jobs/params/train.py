"""Parameters of `train` jobs: one model for each recipe, told apart by `recipe`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, Discriminator, Field, Tag, field_validator

from params.training import AdaINSettings, JohnsonSettings, TuneSettings
from params.tuned_networks import AUTO, tuned_networks

#: Bundled networks that take any style; others are tuned, trained or imported.
BUNDLED_NETWORKS = frozenset({"slim", "full"})
_NAME = r"^[a-z0-9][a-z0-9-]{0,63}$"
#: Names by which the recipe may be given.
_RECIPE_NAMES = AliasChoices("recipe", "architecture")
_ID = r"^[a-z0-9][a-z0-9-]{0,63}$"


def is_reserved(name: str) -> bool:
    """Whether `name` means a bundled network, or "auto", so that no trained network can have it."""
    return name == AUTO or name in BUNDLED_NETWORKS or name in tuned_networks()


class _TrainingJob(BaseModel):
    """Parameters of every training job, beside the settings of the training."""

    name: str = Field(
        pattern=_NAME,
        description="Name of the new network; training the same name again makes a new version.",
    )
    dataset_id: str = Field(
        "samples", pattern=_ID, description="Dataset of photographs, one of /v1/datasets."
    )

    @field_validator("name")
    @classmethod
    def _not_bundled(cls, name: str) -> str:
        if is_reserved(name):
            raise ValueError(f"{name} is the name of a bundled network")
        return name


class JohnsonTrainParams(JohnsonSettings, _TrainingJob):
    """Parameters of a training of one style, the one of `style` or `style_id`."""

    recipe: Literal["johnson"] = Field(
        "johnson",
        validation_alias=_RECIPE_NAMES,
        description="`johnson` trains a network of its own for one style; `tune` fits the decoder of "
        "slim to one style, in minutes; `adain` learns to render any style, from the pictures of "
        "`style_dataset_id`. Earlier name: `architecture`.",
    )
    warm_start: bool = Field(
        True, description="Start from the bundled base network, which learns a style much faster."
    )


class AdaINTrainParams(AdaINSettings, _TrainingJob):
    """Parameters of a training of a network for any style, from two datasets."""

    recipe: Literal["adain"] = Field(validation_alias=_RECIPE_NAMES)
    style_dataset_id: str = Field(
        pattern=_ID, description="Dataset of paintings for `adain`, one of /v1/datasets."
    )


_PhotosOfTuning = Annotated[
    str | None,
    Field(
        pattern=_ID,
        description="Dataset of photographs, one of /v1/datasets; drawn pictures if left out.",
    ),
]


class TuneTrainParams(TuneSettings, _TrainingJob):
    """Parameters of a tuning of slim to one style, the one of `style` or `style_id`."""

    recipe: Literal["tune"] = Field(validation_alias=_RECIPE_NAMES)
    dataset_id: _PhotosOfTuning = None  # type: ignore[assignment]


class StyleTuning(TuneSettings):
    """Settings of the tuning of a registered style."""

    name: str | None = Field(
        None, pattern=_NAME, description="Name of the network; from the style's title if left out."
    )
    dataset_id: _PhotosOfTuning = None


def _recipe(values: Any) -> Any:
    if isinstance(values, dict):
        given = (values.get(name) for name in _RECIPE_NAMES.choices if isinstance(name, str))
        return next((recipe for recipe in given if recipe is not None), "johnson")
    return getattr(values, "recipe", None)


TrainParams = Annotated[
    Annotated[JohnsonTrainParams, Tag("johnson")]
    | Annotated[AdaINTrainParams, Tag("adain")]
    | Annotated[TuneTrainParams, Tag("tune")],
    Discriminator(
        _recipe,
        custom_error_type="unknown_recipe",
        custom_error_message="There is no such recipe; use johnson, adain or tune",
    ),
]
#: Parameters that are not settings of the trainer.
JOB_FIELDS = frozenset({"name", "recipe", "dataset_id", "style_dataset_id"})
