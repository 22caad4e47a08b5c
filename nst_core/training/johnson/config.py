"""Settings of a training of one style; imports no PyTorch, so that command lines load quickly."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from nst_core.errors import NstError

LOSS_NETWORKS = ("vgg16", "vgg19")


class ConfigError(NstError):
    """A setting has an invalid value."""


@dataclass(frozen=True, kw_only=True)
class JohnsonTrainConfig:
    """Settings of one training; the defaults are those of Johnson et al. (2016). Sizes in pixels.

    With a `style_weight` the losses are those of the paper. Without one they are relative to the energy
    of their targets, and the style weight is calibrated from `strength`. Raises `ConfigError`.
    """

    max_steps: int = 40_000
    batch_size: int = 4
    image_size: int = 256
    style_size: int = 0
    lr: float = 1e-3
    lr_warmup: int = 20
    clip: float = 10.0
    content_weight: float = 1.0
    style_weight: float | None = None
    tv_weight: float = 1e-6
    strength: float = 1.0
    loss_network: str = "vgg16"
    content_layer: str = "relu2_2"
    style_layers: tuple[str, ...] = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
    warm_start: bool | str = True
    average: float = 0.98
    use_amp: bool = False
    gradient_checkpointing: bool = False
    seed: int = 0
    early_stop: bool = True
    checkpoint_interval: int = 2_000
    sample_interval: int = 500
    log_interval: int = 100
    keep_checkpoints: int = 3
    num_workers: int = 2
    cache_mb: int = 1_000

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ConfigError(f"{name} goes from {low:g} to {high:g}; got {value}.")
        if self.loss_network not in LOSS_NETWORKS:
            raise ConfigError(
                f"There is no loss network {self.loss_network!r}; there are {', '.join(LOSS_NETWORKS)}."
            )
        if not self.style_layers:
            raise ConfigError("style_layers names at least one layer, such as relu3_3.")

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> JohnsonTrainConfig:
        """Build from JSON values. Raises `ConfigError` for unknown names and wrong types."""
        known = {field.name: field for field in fields(cls)}
        values: dict[str, Any] = {}
        for name, value in settings.items():
            if name not in known:
                raise ConfigError(f"There is no setting {name!r}; there are {', '.join(known)}.")
            values[name] = _typed(name, value, str(known[name].type))
        return cls(**values)

    @property
    def style_side(self) -> int:
        """Shorter side of the style picture, in pixels."""
        return self.style_size or self.image_size

    def digest(self) -> str:
        """Hash of the settings that affect the weights; runs of equal digest can share checkpoints."""
        values = {
            name: value for name, value in asdict(self).items() if name not in _NO_EFFECT_ON_WEIGHTS
        }
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()

    def differences(self, other: Mapping[str, Any]) -> list[str]:
        """Names of the settings that affect the weights and differ in `other` (JSON values)."""
        mine = json.loads(json.dumps(asdict(self)))
        return [
            name for name in mine if name not in _NO_EFFECT_ON_WEIGHTS and mine[name] != other.get(name)
        ]


def _typed(name: str, value: object, declared: str) -> Any:
    """Convert a JSON value to the declared type; booleans are not taken as numbers."""
    if value is None and "None" in declared:
        return None
    kinds: tuple[type, ...] = (bool,)
    if "bool" in declared:
        kinds = (bool, str) if "str" in declared else (bool,)
    elif "tuple" in declared:
        if isinstance(value, list | tuple) and all(isinstance(part, str) for part in value):
            return tuple(value)
        raise ConfigError(f"{name} is a list of names; got {value!r}.")
    elif "float" in declared:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        raise ConfigError(f"{name} is a number; got {value!r}.")
    elif "int" in declared:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise ConfigError(f"{name} is a whole number; got {value!r}.")
    else:
        kinds = (str,)
    if not isinstance(value, kinds):
        raise ConfigError(f"{name} can't be {value!r}.")
    return value


#: Ranges of the numbers; NaN is in no range.
_RANGES: dict[str, tuple[float, float]] = {
    "max_steps": (1, 10_000_000),
    "batch_size": (1, 256),
    "image_size": (16, 1_024),
    "style_size": (0, 2_048),
    "lr": (1e-9, 1.0),
    "lr_warmup": (0, 100_000),
    "clip": (1e-6, 1e9),
    "content_weight": (0, 1e15),
    "style_weight": (0, 1e15),
    "tv_weight": (0, 1e15),
    "strength": (0.01, 100.0),
    "average": (0, 0.99999),
    "seed": (0, 2**63 - 1),
    "checkpoint_interval": (1, 10_000_000),
    "sample_interval": (1, 10_000_000),
    "log_interval": (1, 10_000_000),
    "keep_checkpoints": (1, 100),
    "num_workers": (0, 64),
    "cache_mb": (0, 1_000_000),
}

#: Settings that do not affect the weights after a given step.
_NO_EFFECT_ON_WEIGHTS = frozenset(
    {
        "max_steps",
        "early_stop",
        "checkpoint_interval",
        "sample_interval",
        "log_interval",
        "keep_checkpoints",
        "num_workers",
        "cache_mb",
        "gradient_checkpointing",
    }
)

#: What each setting means, for a command line's help.
EXPLAINED = {
    "max_steps": "Optimiser steps in all.",
    "batch_size": "Photographs a step.",
    "image_size": "Pixels of a photograph's crop on a side.",
    "style_size": "Pixels of the style's shorter side; 0 is that of the crops. Smaller: finer strokes.",
    "lr": "Adam's learning rate.",
    "lr_warmup": "Steps until the learning rate is at its height.",
    "clip": "Longest gradient.",
    "content_weight": "Weight of the content loss.",
    "style_weight": "Weight of the style loss (1e6 in the recipe); found from --strength if left out.",
    "tv_weight": "Weight of the differences of neighbouring pixels: higher is smoother.",
    "strength": "How strong the style is if no style weight is given; 1 balances it with the content.",
    "loss_network": "vgg16 (bundled) or vgg19.",
    "content_layer": "Layer of the loss network that holds the content.",
    "style_layers": "Layers of the loss network that hold the style.",
    "warm_start": "Start from the bundled base network, a network file, or from nothing.",
    "average": "How slowly the saved weights follow the trained ones.",
    "use_amp": "Half precision where it is safe; meant for GPUs.",
    "gradient_checkpointing": "Less memory, more time.",
    "seed": "Of the first weights, the order and every crop.",
    "early_stop": "Finish when the loss no longer falls.",
    "checkpoint_interval": "Steps between checkpoints.",
    "sample_interval": "Steps between sample pictures.",
    "log_interval": "Steps between entries of the loss log.",
    "keep_checkpoints": "Checkpoints kept beside the best.",
    "num_workers": "Threads that read photographs.",
    "cache_mb": "Memory for photographs that were read.",
}
