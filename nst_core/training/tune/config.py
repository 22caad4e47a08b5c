"""Settings of a tuning; imports no PyTorch, so that command lines load quickly."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from nst_core.errors import NstError

#: Weight of the content loss for each strength of a tuning: the less, the more of the style.
CONTENT_WEIGHTS = {"subtle": 10.0, "balanced": 4.0, "bold": 1.5}


class TuneConfigError(NstError):
    """A setting of a tuning has an invalid value."""


@dataclass(frozen=True, kw_only=True)
class TuneConfig:
    """Settings of one tuning. Sizes in pixels. Raises `TuneConfigError`.

    `network` is a bundled network or a file of the kind `slim_adain`. `image_size` is the side of the
    crops, `style_size` the shorter side of the style. `strength` is a key of `CONTENT_WEIGHTS`. The
    deviation of the noise in each content is drawn from `noise`. Crops are taken from photographs whose
    shorter side is `margin` crops long. The features of `pool` batches are kept and used again, which
    spares a third of the time.
    """

    max_steps: int = 150
    batch_size: int = 3
    image_size: int = 160
    style_size: int = 384
    strength: str = "balanced"
    network: str = "slim"
    lr: float = 2e-3
    lr_warmup: int = 8
    noise: tuple[float, float] = (0.02, 0.06)
    margin: float = 1.8
    pool: int = 32
    seed: int = 0
    checkpoint_interval: int = 50
    sample_interval: int = 50
    log_interval: int = 10
    cache_mb: int = 500

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise TuneConfigError(f"{name} goes from {low:g} to {high:g}; got {value}.")
        if self.image_size % 8:
            raise TuneConfigError(f"image_size is a multiple of 8; got {self.image_size}.")
        if self.strength not in CONTENT_WEIGHTS:
            known = ", ".join(CONTENT_WEIGHTS)
            raise TuneConfigError(f"There is no strength {self.strength!r}; there are {known}.")
        if not 0 <= self.noise[0] <= self.noise[1] <= 1:
            raise TuneConfigError(f"noise is two rising numbers from 0 to 1; got {self.noise}.")

    def digest(self) -> str:
        """The settings that affect the weights, as JSON; runs of equal digest can share checkpoints."""
        kept = {name: value for name, value in asdict(self).items() if name not in _NO_EFFECT}
        return json.dumps(kept, sort_keys=True)


#: Ranges of the numbers; NaN is in no range.
_RANGES: dict[str, tuple[float, float]] = {
    "max_steps": (1, 100_000),
    "batch_size": (1, 64),
    "image_size": (16, 1_024),
    "style_size": (16, 2_048),
    "lr": (1e-9, 1.0),
    "lr_warmup": (1, 10_000),
    "margin": (1.0, 8.0),
    "pool": (1, 10_000),
    "seed": (0, 2**31 - 1),
    "checkpoint_interval": (1, 100_000),
    "sample_interval": (1, 100_000),
    "log_interval": (1, 100_000),
    "cache_mb": (0, 1_000_000),
}
_NO_EFFECT = frozenset({"checkpoint_interval", "sample_interval", "log_interval", "cache_mb"})
