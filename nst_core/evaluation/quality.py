"""Quality scores of stylised pictures, mostly on VGG-16 features. Lower is better.

* content: relative squared distance of instance-normalised relu4_1, so of structure, not of colour;
* style: relative squared distance of means and deviations, mean over AdaIN's four layers;
* gram: the same of Gram matrices, mean over the four layers of Johnson et al. (2016);
* features: the distance of LPIPS (Zhang et al. 2018, section 3), on VGG-16 and without its learned
  weights: squared distance of features of unit length, mean over places, sum over those four layers;
* ssim: structural similarity of luma to the content (Wang et al. 2004: Gaussian window of 11 pixels,
  deviation 1.5, K1 0.01, K2 0.03), the only score where 1 means equal and lower means farther.

Everything is compared at the size of the stylised picture; the style's shorter side is `style_size`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from nst_core.images.color import luma
from nst_core.images.picture import Picture, resize_exactly, to_tensor
from nst_core.losses.losses import (
    ADAIN_STYLE_LAYERS,
    CONTENT_LAYER,
    GRAM_LAYERS,
    Moments,
    gram_distance,
    gram_matrix,
    instance_normalized,
    moment_distance,
    moments,
    structure_distance,
)
from nst_core.networks.vgg import load_vgg


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Scores, relative distances: 0 is equal; the content of an unrelated picture is about 2.

    `features` and `ssim` compare with the content pixel by pixel: a strong style moves them too.
    """

    content: float
    style: float
    gram: float
    features: float
    ssim: float


@dataclass(frozen=True, kw_only=True)
class ContentTarget:
    """Reference values of a content."""

    structure: Tensor
    features: dict[str, Tensor]
    luma: Tensor


@dataclass(frozen=True, kw_only=True)
class StyleTarget:
    """Reference values of a style."""

    moments: Moments
    grams: dict[str, Tensor]


class Judge:
    """Computes scores with VGG-16, with reflection padding to avoid border effects."""

    def __init__(self, *, style_size: int = 512, device: str = "cpu") -> None:
        self.style_size = style_size
        layers = {*ADAIN_STYLE_LAYERS, CONTENT_LAYER, *GRAM_LAYERS}
        self._device = device
        self._vgg = load_vgg(sorted(layers), reflect=True).to(device)

    def _features(self, picture: Picture) -> dict[str, Tensor]:
        features: dict[str, Tensor] = self._vgg(to_tensor(picture.pixels).to(self._device))
        return features

    @torch.inference_mode()
    def style_target(self, style: Picture) -> StyleTarget:
        """Measure a style, once for all pictures that are compared with it."""
        scale = self.style_size / min(style.width, style.height)
        resized = resize_exactly(style, round(style.width * scale), round(style.height * scale))
        return _style_target(self._features(resized))

    @torch.inference_mode()
    def content_target(self, content: Picture, width: int, height: int) -> ContentTarget:
        """Measure a content at the size that it is compared at."""
        resized = resize_exactly(content, width, height)
        features = self._features(resized)
        return ContentTarget(
            structure=instance_normalized(features[CONTENT_LAYER]),
            features={name: features[name] for name in GRAM_LAYERS},
            luma=luma(to_tensor(resized.pixels)),
        )

    @torch.inference_mode()
    def figures(self, output: Picture, content: ContentTarget, style: StyleTarget) -> Figures:
        """Score `output` against `content_target` (of its size) and `style_target`."""
        features = self._features(output)
        seen = _style_target(features)
        return Figures(
            content=float(structure_distance(features[CONTENT_LAYER], content.structure)),
            style=float(moment_distance(seen.moments, style.moments)),
            gram=float(gram_distance(seen.grams, style.grams)),
            features=feature_distance(features, content.features),
            ssim=structural_similarity(luma(to_tensor(output.pixels)), content.luma),
        )


def feature_distance(features: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> float:
    """Distance of unit-length features, (1, C, H, W) by layer; from 0, equal, to 2 for each layer."""
    return sum(
        float(
            (functional.normalize(features[name]) - functional.normalize(value)).square().sum(1).mean()
        )
        for name, value in target.items()
    )


def structural_similarity(one: Tensor, other: Tensor) -> float:
    """SSIM of two (1, 1, H, W) pictures in [0, 1], mean over places; 1 is equal.

    For sides shorter than the window, the window is cropped.
    """
    side = min(11, (min(one.shape[2:]) - 1) // 2 * 2 + 1)
    steps = torch.arange(side) - side // 2
    bell = torch.exp(-(steps**2) / (2 * 1.5**2))
    window = torch.outer(bell, bell)[None, None] / bell.sum() ** 2

    def blurred(value: Tensor) -> Tensor:
        return functional.conv2d(value.cpu(), window)

    mean_one, mean_other = blurred(one), blurred(other)
    variance = blurred(one * one) - mean_one**2 + blurred(other * other) - mean_other**2
    covariance = blurred(one * other) - mean_one * mean_other
    small, smaller = 0.03**2, 0.01**2
    similarity = (2 * mean_one * mean_other + smaller) * (2 * covariance + small)
    similarity /= (mean_one**2 + mean_other**2 + smaller) * (variance + small)
    return float(similarity.mean())


def _style_target(features: dict[str, Tensor]) -> StyleTarget:
    return StyleTarget(
        moments=moments({name: features[name] for name in ADAIN_STYLE_LAYERS}),
        grams={name: gram_matrix(features[name]) for name in GRAM_LAYERS},
    )
