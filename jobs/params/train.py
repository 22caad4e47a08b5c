"""Parameters of `train` jobs: one model for each architecture, told apart by `architecture`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Discriminator, Field, Tag, field_validator

from params.training import AdaINSettings, JohnsonSettings
from params.tuned_networks import AUTO, tuned_networks

#: Bundled networks that take any style; others are tuned, trained or imported.
BUNDLED_NETWORKS = frozenset({"slim", "full"})
_NAME = r"^[a-z0-9][a-z0-9-]{0,63}$"
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

    architecture: Literal["johnson"] = Field(
        "johnson",
        description="Architecture of the network: `johnson` learns one style, `adain` learns to render "
        "any style, from the pictures of `style_dataset_id`.",
    )
    warm_start: bool = Field(
        True, description="Start from the bundled base network, which learns a style much faster."
    )


class AdaINTrainParams(AdaINSettings, _TrainingJob):
    """Parameters of a training of a network for any style, from two datasets."""

    architecture: Literal["adain"]
    style_dataset_id: str = Field(
        pattern=_ID, description="Dataset of paintings for `adain`, one of /v1/datasets."
    )


def _architecture(values: Any) -> Any:
    if isinstance(values, dict):
        architecture = values.get("architecture")
        return "johnson" if architecture is None else architecture
    return getattr(values, "architecture", None)


TrainParams = Annotated[
    Annotated[JohnsonTrainParams, Tag("johnson")] | Annotated[AdaINTrainParams, Tag("adain")],
    Discriminator(
        _architecture,
        custom_error_type="unknown_architecture",
        custom_error_message="There is no such architecture; use johnson or adain",
    ),
]
#: Parameters that are not settings of the trainer.
JOB_FIELDS = frozenset({"name", "architecture", "dataset_id", "style_dataset_id"})
