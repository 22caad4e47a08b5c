"""The perceptual loss of Johnson et al. (2016): content features and Gram matrices of one style."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from nst_core.losses.losses import GRAM_LAYERS, gram_distance, gram_matrix
from nst_core.networks.vgg import OXFORD, VggFeatures, load_vgg

#: Layer of the content loss.
CONTENT_LAYER = "relu2_2"
DEPTHS = {"vgg16": 16, "vgg19": 19}

#: Divisors of the features of Oxford's weights. Their input goes from 0 to 255, that of torchvision's
#: from about -2 to 2, so without them a loss weight would mean millions of times more. Their features
#: are divided by their mean over the photographs of scikit-image at 256 pixels, after Gatys et al.
#: (2015); other layers by 100.
_OXFORD_MEANS = {
    "relu1_1": 22.0,
    "relu1_2": 113.5,
    "relu2_1": 177.6,
    "relu2_2": 185.8,
    "relu3_1": 251.9,
    "relu3_2": 272.4,
    "relu3_3": 165.5,
    "relu4_1": 156.9,
    "relu4_2": 84.7,
    "relu4_3": 20.4,
}


@dataclass(frozen=True)
class LossNetwork:
    """VGG as a loss network: features of `layers`, or, faster, of the content layer alone."""

    features: VggFeatures
    shallow: VggFeatures
    scale: Mapping[str, float]

    @classmethod
    def load(
        cls,
        name: str = "vgg16",
        layers: tuple[str, ...] = GRAM_LAYERS,
        *,
        content_layer: str = CONTENT_LAYER,
        source: str | Path | None = None,
        device: str = "cpu",
    ) -> LossNetwork:
        """Load "vgg16" or "vgg19". Raises `VggError` if the weights are not available."""
        wanted = tuple(dict.fromkeys((*layers, content_layer)))
        parts = [
            load_vgg(kept, depth=DEPTHS[name], source=source).to(device)
            for kept in (wanted, (content_layer,))
        ]
        for part in parts:
            part.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        oxford = abs(float(parts[0].std[0, 0, 0, 0]) - OXFORD.std[0]) < 1e-6
        scale = {layer: 1 / _OXFORD_MEANS.get(layer, 100.0) if oxford else 1.0 for layer in wanted}
        return cls(parts[0], parts[1], scale)

    def __call__(self, image: Tensor) -> dict[str, Tensor]:
        """Features in single precision by layer name, of RGB in [0, 1]."""
        seen = self.features(image.contiguous(memory_format=torch.channels_last))
        return {name: value.float() * self.scale[name] for name, value in seen.items()}

    @torch.no_grad()
    def content(self, image: Tensor) -> Tensor:
        """Features of the content layer, to compare with."""
        (name,) = self.shallow.layers
        seen = self.shallow(image.contiguous(memory_format=torch.channels_last))
        scaled: Tensor = seen[name].float() * self.scale[name]
        return scaled

    @torch.no_grad()
    def grams(self, image: Tensor, layers: tuple[str, ...] = GRAM_LAYERS) -> dict[str, Tensor]:
        """Gram matrices of `layers`, (B, C, C), to compare with."""
        seen = self(image)
        return {name: gram_matrix(seen[name]) for name in layers}


def content_distance(features: Tensor, target: Tensor, *, relative: bool) -> Tensor:
    """Mean squared distance of features; if `relative`, as a share of the target's energy."""
    if not relative:
        return functional.mse_loss(features, target)
    energy = target.square().sum((1, 2, 3)).clamp_min(1e-12)
    return ((features - target).square().sum((1, 2, 3)) / energy).mean()


def style_distance(
    features: Mapping[str, Tensor], grams: Mapping[str, Tensor], *, relative: bool
) -> Tensor:
    """Distance of Gram matrices: the sum over layers of the mean squared difference; if `relative`, the
    mean over layers of the squared difference as a share of the target's energy.
    """
    mine = {name: gram_matrix(features[name]) for name in grams}
    if relative:
        return gram_distance(mine, grams).mean()
    terms = [
        functional.mse_loss(mine[name], target.expand_as(mine[name])) for name, target in grams.items()
    ]
    return torch.stack(terms).sum()
