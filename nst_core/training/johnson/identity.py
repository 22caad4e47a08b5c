"""Fingerprint of a training of one style, to check that a checkpoint belongs to it before resuming."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nst_core.images.picture import PictureError
from nst_core.training.config import differences, digest
from nst_core.training.errors import TrainingError

if TYPE_CHECKING:
    from params.training import JohnsonTrainConfig


@dataclass(frozen=True)
class Identity:
    """Settings, digest of the style file, and digest of the names and sizes of the photographs."""

    config: JohnsonTrainConfig
    style: str
    contents: str

    @classmethod
    def of(cls, config: JohnsonTrainConfig, style: Path, contents: Sequence[Path]) -> Identity:
        """Compute the fingerprint. Raises `PictureError` if the style can't be read."""
        names = "\n".join(f"{path.name} {path.stat().st_size}" for path in contents if path.exists())
        try:
            style_digest = hashlib.sha256(style.read_bytes()).hexdigest()
        except OSError as error:
            raise PictureError(f"The style {style} can't be read: {error.strerror}.") from error
        return cls(config, style_digest, hashlib.sha256(names.encode()).hexdigest())

    def saved(self) -> dict[str, Any]:
        """JSON values for a checkpoint."""
        return {
            "digest": digest(self.config),
            "settings": self.config.model_dump(mode="json"),
            "style": self.style,
            "contents": self.contents,
        }

    def check(self, saved: Mapping[str, Any]) -> bool:
        """Compare with the fingerprint of a checkpoint; returns whether the photographs are the same.

        Raises `TrainingError` if the settings or the style differ.
        """
        if saved["digest"] != digest(self.config):
            names = ", ".join(differences(self.config, saved["settings"]))
            raise TrainingError(
                f"The checkpoint is of a training with other settings ({names}). "
                "Resume with its own, or start in another folder."
            )
        if saved["style"] != self.style:
            raise TrainingError("The checkpoint is of a training with another style picture.")
        return bool(saved["contents"] == self.contents)
