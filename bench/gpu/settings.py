"""Settings of renders and trainings, also where pydantic is not installed.

The models in `params` hold the defaults and need pydantic. Without pydantic, a copy of the defaults is
read from `default_settings.json`; a test compares the copy with the models.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

COPY = Path(__file__).with_name("default_settings.json")
#: Model of `params` for each kind of settings: module and class.
MODELS = {
    "picture": ("params.painting", "PictureSettings"),
    "johnson": ("params.training", "JohnsonTrainConfig"),
    "tune": ("params.training", "TuneTrainConfig"),
    "adain": ("params.training", "AdaINTrainConfig"),
}


class PlainSettings(SimpleNamespace):
    """Settings as attributes, with what trainers use of a pydantic model. Values are not checked."""

    def model_dump(self, *, mode: str = "python", exclude: set[str] | None = None) -> dict[str, Any]:
        """The settings by name."""
        left_out = exclude or set()
        return {name: value for name, value in vars(self).items() if name not in left_out}

    def model_dump_json(self) -> str:
        """The settings as a JSON document."""
        return json.dumps(vars(self))

    def model_copy(self, *, update: Mapping[str, Any]) -> PlainSettings:
        """The settings with other values for some of them."""
        return PlainSettings(**{**vars(self), **update})

    @property
    def style_side(self) -> int:
        """Shorter side in pixels of the style of a training of one style."""
        return int(self.style_size or self.image_size)

    @property
    def steps_between_checkpoints(self) -> int:
        """The interval that was set, else the whole training."""
        return int(self.checkpoint_interval or self.max_steps)

    @property
    def steps_between_samples(self) -> int:
        """As `steps_between_checkpoints`."""
        return int(self.sample_interval or self.max_steps)

    @property
    def steps_between_logs(self) -> int:
        """As `steps_between_checkpoints`."""
        return int(self.log_interval or self.max_steps)


def settings(kind: str, **values: Any) -> Any:
    """The settings of a key of `MODELS`: the defaults, and `values` instead of some of them."""
    try:
        model = _model(kind)
    except ModuleNotFoundError:  # pydantic
        return PlainSettings(**{**read_copy()[kind], **values})
    return model(**values)


def default_settings() -> dict[str, dict[str, Any]]:
    """The defaults of all models as JSON values; needs pydantic."""
    return {kind: _model(kind)().model_dump(mode="json") for kind in MODELS}


def read_copy() -> Mapping[str, dict[str, Any]]:
    """The copy of the defaults."""
    copy: dict[str, dict[str, Any]] = json.loads(COPY.read_text())
    return copy


def write_copy() -> None:
    """Write the copy again, after the defaults of the models have changed; needs pydantic."""
    COPY.write_text(json.dumps(default_settings(), indent=1) + "\n")


def _model(kind: str) -> Any:
    from importlib import import_module

    module, name = MODELS[kind]
    return getattr(import_module(module), name)
