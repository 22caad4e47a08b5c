"""Configuration of trainings from JSON values or options, with errors for people.

The models are in `params.training`. They need pydantic, which the rest of `nst_core` does not; so this
module and the trainers import them only where they are used.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, overload

from nst_core.training.errors import ConfigError

if TYPE_CHECKING:
    from typing import Literal

    from params.training import (
        AdaINTrainConfig,
        JohnsonTrainConfig,
        TrainingSettings,
        TuneTrainConfig,
    )

#: Settings that do not affect the weights after a given step.
NO_EFFECT_ON_WEIGHTS = frozenset(
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


@overload
def parse_config(
    kind: Literal["johnson"], settings: Mapping[str, Any], *, strict: bool = True
) -> JohnsonTrainConfig: ...
@overload
def parse_config(
    kind: Literal["adain"], settings: Mapping[str, Any], *, strict: bool = True
) -> AdaINTrainConfig: ...
@overload
def parse_config(
    kind: Literal["tune"], settings: Mapping[str, Any], *, strict: bool = True
) -> TuneTrainConfig: ...
def parse_config(
    kind: str, settings: Mapping[str, Any], *, strict: bool = True
) -> JohnsonTrainConfig | AdaINTrainConfig | TuneTrainConfig:
    """Validate the settings of a training of `kind`, a key of `params.training.CONFIGS`.

    `strict` refuses numbers given as text and booleans given as numbers. Raises `ConfigError`, which
    names every setting that is wrong.
    """
    from params.errors import SettingsError, parse_settings
    from params.training import CONFIGS

    try:
        return parse_settings(CONFIGS[kind], settings, strict=strict)
    except SettingsError as error:
        raise ConfigError(str(error)) from error


def digest(config: TrainingSettings) -> str:
    """Hash of the settings that affect the weights; runs of equal digest can share checkpoints."""
    values = _with_effect(config.model_dump(mode="json"))
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def differences(config: TrainingSettings, saved: Mapping[str, Any]) -> list[str]:
    """Names of the settings that affect the weights and differ in `saved`, which holds JSON values."""
    values = _with_effect(config.model_dump(mode="json"))
    return [name for name, value in values.items() if value != saved.get(name)]


def _with_effect(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in NO_EFFECT_ON_WEIGHTS}
