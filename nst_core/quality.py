"""How well a picture keeps its content and takes a style, in VGG-16's eyes. Lower is better.

* content: relative squared distance of instance-normalised relu4_1, so of structure, not of colour;
* style: relative squared distance of means and deviations, mean over AdaIN's four layers;
* gram: the same of Gram matrices, mean over the four layers of Johnson et al. (2016).

Everything is compared at the size of the stylised picture; the style's shorter side is `style_size`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nst_core.images import Picture, resize_exactly, to_tensor
from nst_core.losses import (
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
from nst_core.vgg import load_vgg


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Three relative distances: 0 is equal; the content of an unrelated picture is about 2."""

    content: float
    style: float
    gram: float


@dataclass(frozen=True, kw_only=True)
class StyleTarget:
    """What of a style the figures are measured against."""

    moments: Moments
    grams: dict[str, Tensor]


class Judge:
    """VGG-16 with reflection padding, which leaves no frame in the figures."""

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
    def content_target(self, content: Picture, width: int, height: int) -> Tensor:
        """The structure of a content at the size that it is compared at."""
        features = self._features(resize_exactly(content, width, height))
        return instance_normalized(features[CONTENT_LAYER])

    @torch.inference_mode()
    def figures(self, output: Picture, content: Tensor, style: StyleTarget) -> Figures:
        """Score `output` against `content_target` (of its size) and `style_target`."""
        features = self._features(output)
        seen = _style_target(features)
        return Figures(
            content=float(structure_distance(features[CONTENT_LAYER], content)),
            style=float(moment_distance(seen.moments, style.moments)),
            gram=float(gram_distance(seen.grams, style.grams)),
        )


def _style_target(features: dict[str, Tensor]) -> StyleTarget:
    return StyleTarget(
        moments=moments({name: features[name] for name in ADAIN_STYLE_LAYERS}),
        grams={name: gram_matrix(features[name]) for name in GRAM_LAYERS},
    )
