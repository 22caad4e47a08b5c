"""Settings of an optimisation of pixels, apart from it so that a command line can list them quickly."""

from __future__ import annotations

from dataclasses import dataclass

from nst_core.errors import NstError


class GatysError(NstError):
    """An optimisation can't be done as asked."""


@dataclass(frozen=True, kw_only=True)
class GatysConfig:
    """Settings of one picture. Sizes in pixels; losses are shares of what they are measured against.

    Raises `GatysError`.
    """

    size: int = 512
    style_size: int = 0
    steps: int = 150
    levels: int = 3
    optimizer: str = "lbfgs"
    start: str = "content"
    lr: float = 0.02
    content_weight: float = 1.0
    style_weight: float = 20.0
    tv_weight: float = 0.5
    content_layer: str = "relu4_2"
    style_layers: tuple[str, ...] = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
    layer_weights: tuple[float, ...] = ()
    loss_network: str = "vgg16"
    color: str = "style"
    alpha: float = 1.0
    preview_interval: int = 25
    seed: int = 0

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise GatysError(f"{name} goes from {low:g} to {high:g}; got {value}.")
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise GatysError(f"{name} is one of {', '.join(choices)}; got {getattr(self, name)!r}.")
        if not self.style_layers:
            raise GatysError("style_layers names at least one layer, such as relu3_1.")
        if self.layer_weights and len(self.layer_weights) != len(self.style_layers):
            raise GatysError(
                f"Give one layer weight for each style layer: {len(self.style_layers)}, not "
                f"{len(self.layer_weights)}."
            )
        if any(not 0 <= weight <= 1e6 for weight in self.layer_weights) or (
            self.layer_weights and not sum(self.layer_weights)
        ):
            raise GatysError("Layer weights are not negative and not all zero.")

    @property
    def shares(self) -> dict[str, float]:
        """What each style layer counts, by name; they add up to 1."""
        weights = self.layer_weights or (1.0,) * len(self.style_layers)
        return {
            layer: weight / sum(weights)
            for layer, weight in zip(self.style_layers, weights, strict=True)
        }


#: From where to where numbers go. A NaN lies in no range.
_RANGES: dict[str, tuple[float, float]] = {
    "size": (16, 2_048),
    "style_size": (0, 2_048),
    "steps": (1, 10_000),
    "levels": (1, 6),
    "lr": (1e-5, 1),
    "content_weight": (0, 1e9),
    "style_weight": (0, 1e9),
    "tv_weight": (0, 1e9),
    "alpha": (0, 1),
    "preview_interval": (1, 10_000),
    "seed": (0, 2**63 - 1),
}
#: What may be chosen.
CHOICES: dict[str, tuple[str, ...]] = {
    "optimizer": ("lbfgs", "adam"),
    "start": ("content", "noise"),
    "loss_network": ("vgg16", "vgg19"),
    "color": ("style", "luminance", "match"),
}

#: What each setting means, for a command line's help.
EXPLAINED = {
    "size": "Longer side of the result.",
    "style_size": "Shorter side of the style; 0 is that of the result. Smaller: finer strokes.",
    "steps": "Steps at each level.",
    "levels": "Sizes from coarse to fine, each twice the one before.",
    "optimizer": "lbfgs, or adam, which takes less memory.",
    "start": "Begin with the content or with noise.",
    "lr": "Adam's learning rate.",
    "content_weight": "Weight of the content loss.",
    "style_weight": "Weight of the style loss: higher is further from the content.",
    "tv_weight": "Weight of the differences of neighbouring pixels: higher is smoother.",
    "content_layer": "Layer of the loss network that holds the content.",
    "style_layers": "Layers of the loss network that hold the style.",
    "layer_weights": "What each style layer counts; all the same if left out.",
    "loss_network": "vgg16 (bundled up to relu4_3) or vgg19.",
    "color": "style; luminance (hues of the content); match (style in the content's colours).",
    "alpha": "Strength in the pixels, from 0, the content itself, to 1.",
    "preview_interval": "Steps between previews.",
    "seed": "Of the noise.",
}
