"""What a checkpoint of one style must agree with to be gone on from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nst_core.images.picture import PictureError
from nst_core.training.errors import TrainingError
from nst_core.training.johnson.config import JohnsonTrainConfig


@dataclass(frozen=True)
class Identity:
    """Digests of the settings, the style file and the names and sizes of the photographs."""

    config: JohnsonTrainConfig
    style: str
    contents: str

    @classmethod
    def of(cls, config: JohnsonTrainConfig, style: Path, contents: Sequence[Path]) -> Identity:
        """Raises `PictureError` if the style can't be read."""
        names = "\n".join(f"{path.name} {path.stat().st_size}" for path in contents if path.exists())
        try:
            seen = hashlib.sha256(style.read_bytes()).hexdigest()
        except OSError as error:
            raise PictureError(f"The style {style} can't be read: {error.strerror}.") from error
        return cls(config, seen, hashlib.sha256(names.encode()).hexdigest())

    def saved(self) -> dict[str, Any]:
        """JSON values for a checkpoint."""
        return {
            "digest": self.config.digest(),
            "settings": json.loads(json.dumps(asdict(self.config))),
            "style": self.style,
            "contents": self.contents,
        }

    def check(self, saved: Mapping[str, Any]) -> bool:
        """Whether the photographs are the same too. Raises `TrainingError` if more is other."""
        if saved["digest"] != self.config.digest():
            names = ", ".join(self.config.differences(saved["settings"]))
            raise TrainingError(
                f"The checkpoint is of a training with other settings ({names}). "
                "Resume with its own, or start in another folder."
            )
        if saved["style"] != self.style:
            raise TrainingError("The checkpoint is of a training with another style picture.")
        return bool(saved["contents"] == self.contents)
