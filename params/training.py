"""Settings of trainings: one model for each kind of network, with a type for each common setting.

`…Settings` are what any client may set. `…TrainConfig` adds what belongs to the machine that trains:
files, memory, threads and logs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from params.form_lists import as_tuple

MAX_STEPS = 10_000_000
Interval = Annotated[int, Field(ge=1, le=MAX_STEPS)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0, le=1e15, allow_inf_nan=False)]
LayerName = Annotated[str, Field(pattern=r"^relu[1-5]_[1-4]$")]
#: The layers of VGG-16 up to relu4_3, which is where the bundled file ends.
_VGG16_LAYER = re.compile(r"relu([12]_[12]|[34]_[123])")

MaxSteps = Annotated[int, Field(ge=1, le=MAX_STEPS, description="Optimiser steps in all.")]
BatchSize = Annotated[int, Field(ge=1, le=256, description="Photographs per step.")]
LearningRate = Annotated[
    float, Field(ge=1e-9, le=1, allow_inf_nan=False, description="Learning rate of the optimiser.")
]
WarmupSteps = Annotated[
    int, Field(ge=0, le=100_000, description="Steps over which the learning rate rises from zero.")
]
ClipNorm = Annotated[
    float, Field(ge=1e-6, le=1e9, allow_inf_nan=False, description="Maximum norm of the gradient.")
]
ContentWeight = Annotated[Weight, Field(description="Weight of the content loss.")]
Average = Annotated[
    float,
    Field(
        ge=0,
        le=0.99999,
        allow_inf_nan=False,
        description="Decay of the moving average of the weights, which is what is saved.",
    ),
]
Seed = Annotated[
    int, Field(ge=0, le=2**63 - 1, description="Seed of the first weights, the order and the crops.")
]
CacheMegabytes = Annotated[int, Field(ge=0, le=1_000_000)]


def _rising(zoom: tuple[float, float]) -> tuple[float, float]:
    if not 0 < zoom[0] <= zoom[1]:
        raise ValueError("Give two numbers above 0, the smaller one first")
    return zoom


#: Range of the side of a crop, as a share of the shorter side of the picture.
Zoom = Annotated[tuple[Share, Share], BeforeValidator(as_tuple), AfterValidator(_rising)]


def check_layers(layers: Iterable[str], loss_network: str) -> None:
    """Raise `ValueError` for a layer that the loss network does not have."""
    for layer in layers:
        if loss_network == "vgg16" and not _VGG16_LAYER.fullmatch(layer):
            raise ValueError(f"The loss network vgg16 has no layer {layer}; the last one is relu4_3")


class TrainingSettings(BaseModel):
    """Settings that trainings of every kind have. A setting that is null counts as left out."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    max_steps: MaxSteps = 40_000
    checkpoint_interval: Interval | None = Field(
        None,
        description="Steps between checkpoints; a tenth of the training if left out, from 25 to 2,000.",
    )
    sample_interval: Interval | None = Field(
        None,
        description="Steps between sample pictures; a twentieth of the training if left out, from 5 to "
        "500.",
    )
    log_interval: Interval | None = Field(
        None,
        description="Steps between entries of the loss log; from 1 to 100 by the length if left out.",
    )

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {name: value for name, value in values.items() if value is not None}

    @property
    def steps_between_checkpoints(self) -> int:
        """`checkpoint_interval`, or one that suits the length of the training."""
        return self.checkpoint_interval or min(2_000, max(25, self.max_steps // 10))

    @property
    def steps_between_samples(self) -> int:
        """`sample_interval`, or one that suits the length of the training."""
        return self.sample_interval or min(500, max(5, self.max_steps // 20))

    @property
    def steps_between_logs(self) -> int:
        """`log_interval`, or one that suits the length of the training."""
        return self.log_interval or min(100, max(1, self.max_steps // 200))


class MachineSettings(BaseModel):
    """Settings of the machine that trains, for every kind of training."""

    keep_checkpoints: Annotated[
        int, Field(ge=1, le=100, description="Newest checkpoints to keep beside the best one.")
    ] = 3


class JohnsonSettings(TrainingSettings):
    """Settings of a training of one style; the defaults are those of Johnson et al. (2016).

    With a `style_weight` the losses are those of the paper. Without one they are relative to the energy
    of their targets, and the style weight is calibrated from `strength`. Sizes in pixels.
    """

    batch_size: BatchSize = 4
    image_size: int = Field(
        256, ge=16, le=1_024, description="Side of the photographs' crops in pixels."
    )
    style_size: int = Field(
        0,
        ge=0,
        le=2_048,
        description="Shorter side of the style in pixels; 0: as the crops. Smaller: finer strokes.",
    )
    lr: LearningRate = 1e-3
    lr_warmup: WarmupSteps = 20
    clip: ClipNorm = 10.0
    strength: float = Field(
        1.0,
        ge=0.01,
        le=100,
        allow_inf_nan=False,
        description="Strength of the style without style_weight; 1 balances it with the content.",
    )
    content_weight: ContentWeight = 1.0
    style_weight: Weight | None = Field(
        None,
        description="Weight of the style loss, 1e6 in the paper; set from strength if left out.",
    )
    tv_weight: Weight = Field(
        1e-6, description="Weight of the total variation loss: higher is smoother."
    )
    content_layer: LayerName = Field("relu2_2", description="Layer of the content loss.")
    style_layers: Annotated[tuple[LayerName, ...], BeforeValidator(as_tuple)] = Field(
        ("relu1_2", "relu2_2", "relu3_3", "relu4_3"),
        min_length=1,
        max_length=16,
        description="Layers of the style loss.",
    )
    average: Average = 0.98
    early_stop: bool = Field(True, description="Finish when the loss no longer falls.")
    use_amp: bool = Field(False, description="Mixed precision: faster on GPUs.")
    gradient_checkpointing: bool = Field(False, description="Less memory, more time.")
    seed: Seed = 0

    @model_validator(mode="after")
    def _known_layers(self) -> Self:
        loss_network = getattr(self, "loss_network", "vgg16")
        check_layers((self.content_layer, *self.style_layers), loss_network)
        return self

    @property
    def style_side(self) -> int:
        """Shorter side of the style picture, in pixels."""
        return self.style_size or self.image_size


class JohnsonTrainConfig(MachineSettings, JohnsonSettings):
    """Complete configuration of a `JohnsonTrainer`."""

    loss_network: Literal["vgg16", "vgg19"] = Field(
        "vgg16", description="Loss network: vgg16 is bundled, vgg19 is downloaded on first use."
    )
    warm_start: bool | str = Field(
        True, description="Initial weights: the bundled base network, a network file, or random ones."
    )
    num_workers: int = Field(2, ge=0, le=64, description="Threads that read photographs.")
    cache_mb: CacheMegabytes = Field(1_000, description="Memory for photographs that were read, in MB.")


class AdaINSettings(TrainingSettings):
    """Settings of a training of an arbitrary-style network (Huang & Belongie 2017). Sizes in pixels."""

    network: Literal["slim", "full"] = Field(
        "slim", description="Architecture: slim is fast, full has the encoder of VGG-16."
    )
    max_steps: MaxSteps = Field(20_000, validation_alias=AliasChoices("max_steps", "steps"))
    inversion_steps: int = Field(
        0,
        ge=0,
        le=MAX_STEPS,
        description="First steps that train the decoder of full as the inverse of VGG-16: about 1,000.",
    )
    batch_size: BatchSize = 8
    image_size: int = Field(
        128,
        ge=16,
        le=1_024,
        multiple_of=8,
        validation_alias=AliasChoices("image_size", "content_size"),
        description="Side of the photographs' crops in pixels, a multiple of 8.",
    )
    style_size: int = Field(
        160,
        ge=16,
        le=1_024,
        multiple_of=8,
        description="Side of the paintings' crops in pixels, a multiple of 8.",
    )
    content_zoom: Zoom = Field(
        (0.4, 0.9), description="Range of a crop's side as a share of the photograph's shorter side."
    )
    style_zoom: Zoom = Field(
        (0.4, 1.0), description="Range of a crop's side as a share of the painting's shorter side."
    )
    recolour: Share = Field(
        0.15, description="Probability that the colour channels of a painting are permuted."
    )
    noise: Zoom | None = Field(
        None,
        description="Range of the deviation of the noise in photographs; by default 0 to 0.06 for "
        "slim, none for full.",
    )
    content_variants: int = Field(2, ge=1, le=1_000, description="Fixed crops of each photograph.")
    style_variants: int = Field(2, ge=1, le=1_000, description="Fixed crops of each painting.")
    content_weight: ContentWeight = 1.0
    style_weight: Weight = Field(
        30.0, description="Weight of the loss on means and standard deviations."
    )
    gram_weight: Weight = Field(5.0, description="Weight of the loss on Gram matrices.")
    identity_weight: Weight = Field(
        1.0, description="Weight of the reconstruction of a photograph in its own style."
    )
    blended: Share = Field(0.2, description="Share of a batch that is trained at a random alpha.")
    lr: LearningRate = Field(1.5e-3, validation_alias=AliasChoices("lr", "learning_rate"))
    weight_decay: float = Field(
        1e-4, ge=0, le=1, allow_inf_nan=False, description="Weight decay of AdamW."
    )
    lr_warmup: WarmupSteps = Field(100, validation_alias=AliasChoices("lr_warmup", "warmup_steps"))
    decay_steps: int = Field(
        4_000, ge=0, le=MAX_STEPS, description="Last steps, over which the learning rate falls."
    )
    average: Average = 0.999
    clip: ClipNorm = 1.0
    seed: Seed = 0

    @model_validator(mode="after")
    def _full_for_inversion(self) -> Self:
        if self.inversion_steps and self.network != "full":
            raise ValueError("inversion_steps are for the network full")
        return self


class AdaINTrainConfig(MachineSettings, AdaINSettings):
    """Complete configuration of an `AdaINTrainer`."""

    cache_mb: CacheMegabytes = Field(
        6_000, description="Memory for features of the loss network, in MB."
    )


class TuneSettings(TrainingSettings):
    """Settings of a tuning of slim's decoder to one style. Sizes in pixels."""

    max_steps: Annotated[int, Field(ge=1, le=100_000, description="Optimiser steps in all.")] = 130
    batch_size: BatchSize = 3
    image_size: int = Field(
        160,
        ge=16,
        le=1_024,
        multiple_of=8,
        description="Side of the photographs' crops in pixels, a multiple of 8.",
    )
    style_size: int = Field(
        384,
        ge=16,
        le=2_048,
        description="Shorter side of the style in pixels. Smaller: finer strokes.",
    )
    intensity: Literal["subtle", "balanced", "bold"] = Field(
        "balanced", description="How much of the style is taken, and of the photograph given up."
    )
    lr: LearningRate = 2e-3
    lr_warmup: WarmupSteps = 8
    seed: Seed = 0

    @property
    def steps_between_checkpoints(self) -> int:
        """`checkpoint_interval`, or a third of the tuning, at least 25 steps."""
        return self.checkpoint_interval or max(25, self.max_steps // 3)

    @property
    def steps_between_samples(self) -> int:
        """`sample_interval`, or a sixth of the tuning, at least 10 steps."""
        return self.sample_interval or max(10, self.max_steps // 6)

    @property
    def steps_between_logs(self) -> int:
        """`log_interval`, or from 1 to 100 steps by the length."""
        return self.log_interval or min(100, max(1, self.max_steps // 50))


class TuneTrainConfig(MachineSettings, TuneSettings):
    """Complete configuration of a `TuneTrainer`."""

    network: str = Field(
        "slim", description="Network to start from: slim, or a file of the same architecture."
    )
    noise: Zoom = Field(
        (0.02, 0.06), description="Range of the deviation of the noise in each photograph."
    )
    margin: float = Field(
        1.8,
        ge=1,
        le=8,
        allow_inf_nan=False,
        description="Shorter side of the photographs that crops are taken from, in crops.",
    )
    pool: int = Field(
        32,
        ge=1,
        le=10_000,
        description="Batches whose features are kept and used again, which spares a third of the time.",
    )
    cache_mb: CacheMegabytes = Field(500, description="Memory for photographs that were read, in MB.")


#: Kind of training → its complete configuration.
CONFIGS: dict[str, type[JohnsonTrainConfig] | type[AdaINTrainConfig] | type[TuneTrainConfig]] = {
    "johnson": JohnsonTrainConfig,
    "adain": AdaINTrainConfig,
    "tune": TuneTrainConfig,
}
