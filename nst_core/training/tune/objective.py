"""Loss function of a tuning: how far a painting is from its photograph and from the style."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nst_core.losses.bfloat16 import has_bfloat16
from nst_core.losses.losses import (
    ADAIN_STYLE_LAYERS,
    CONTENT_LAYER,
    GRAM_LAYERS,
    gram_distance,
    gram_matrix,
    instance_normalized,
    moment_distance,
    moments,
    out_of_range,
    structure_distance,
)
from nst_core.networks.vgg import VggFeatures, load_vgg

#: Weight of the content loss for each intensity of a tuning: the less, the more of the style.
CONTENT_WEIGHTS = {"subtle": 4.0, "balanced": 2.0, "bold": 1.0}
#: Weights of the losses beside that of the content.
STYLE_WEIGHT, GRAM_WEIGHT, RANGE_WEIGHT = 30.0, 60.0, 10.0


def as_one_picture(features: Tensor) -> Tensor:
    """Features of a batch, (B, C, H, W), as those of one picture of its crops, (1, C, B·H, W).

    A view of channels-last features. The statistics of a few crops together are nearer to those of a
    whole picture than those of one crop, which need not hold all colours and shapes of a style.
    """
    batch, channels, height, width = features.shape
    places = features.permute(0, 2, 3, 1).reshape(1, batch * height, width, channels)
    return places.permute(0, 3, 1, 2)


@dataclass(frozen=True)
class TuneLosses:
    """The losses of one step as scalars: the weighted `total`, and `content`, `style`, `gram` alone."""

    total: Tensor
    content: Tensor
    style: Tensor
    gram: Tensor


class TuneObjective:
    """The losses of Huang & Belongie (2017), and of Gram matrices, for one style (1, 3, H, W).

    They are the distances of `nst_core/evaluation/quality.py`, with the crops of a batch as one
    picture. The features are padded by reflection: zeros around a crop of 160 pixels would reach four
    of five places of relu4_3, and zeros around a picture of 512 pixels one of three. `half` computes
    the features in bfloat16; by default where that is faster (`has_bfloat16`).
    """

    def __init__(
        self, style: Tensor, content_weight: float, device: str, *, half: bool | None = None
    ) -> None:
        self._device_type = torch.device(device).type
        self._half = has_bfloat16(self._device_type) if half is None else half
        layers = tuple(dict.fromkeys((*ADAIN_STYLE_LAYERS, *GRAM_LAYERS)))
        self._vgg: VggFeatures = load_vgg(layers, reflect=True).to(device)
        self._vgg.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._content_weight = content_weight
        with torch.no_grad():
            seen = self._features(style.to(device))
            self._moments = moments({name: seen[name] for name in ADAIN_STYLE_LAYERS})
            self._grams = {name: gram_matrix(seen[name]) for name in GRAM_LAYERS}

    @torch.no_grad()
    def structure(self, content: Tensor) -> Tensor:
        """What of photographs (B, 3, S, S) a painting of them should keep, (1, C, B·H, W)."""
        return instance_normalized(self._features(content)[CONTENT_LAYER])

    def __call__(self, output: Tensor, structure: Tensor) -> TuneLosses:
        """Losses of paintings (B, 3, S, S) of photographs with that `structure`."""
        seen = self._features(output)
        content = structure_distance(seen[CONTENT_LAYER], structure).mean()
        own = moments({name: seen[name] for name in self._moments})
        style = moment_distance(own, self._moments).mean()
        grams = {name: gram_matrix(seen[name]) for name in GRAM_LAYERS}
        gram = gram_distance(grams, self._grams).mean()
        total = self._content_weight * content + STYLE_WEIGHT * style + GRAM_WEIGHT * gram
        return TuneLosses(total + RANGE_WEIGHT * out_of_range(output), content, style, gram)

    def _features(self, image: Tensor) -> dict[str, Tensor]:
        precision: AbstractContextManager[Any] = nullcontext()
        if self._half:
            precision = torch.autocast(self._device_type, torch.bfloat16)
        with precision:
            features: dict[str, Tensor] = self._vgg(image.contiguous(memory_format=torch.channels_last))
        return {name: as_one_picture(value) for name, value in features.items()}
