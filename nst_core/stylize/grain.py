"""Noise that is added to a content before it is encoded, so that even areas get strokes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from nst_core.images.noise import noise_field
from nst_core.networks.base import StyleNetwork

if TYPE_CHECKING:
    from params.painting import PaintSettings


@dataclass(frozen=True)
class Grain:
    """Noise of the deviation `amplitude`, where colours go from 0 to 1. `seed` picks the pattern."""

    amplitude: float
    seed: int

    @classmethod
    def of(cls, network: StyleNetwork, settings: PaintSettings) -> Grain:
        """The noise of a network; none if it was trained without noise.

        Texture 1 is the strongest noise that the network was trained with.
        """
        return cls(settings.texture * network.noise, settings.seed)

    def added(self, image: Tensor, top: int = 0, left: int = 0) -> Tensor:
        """Add the noise to `image` (B, 3, H, W), the window of a picture from (`top`, `left`) on.

        Any window gets the same noise as the same part of the whole picture. Not clamped.
        """
        if self.amplitude == 0:
            return image
        field = noise_field(top, left, image.shape[2], image.shape[3], self.seed)
        return image + self.amplitude * torch.from_numpy(field)


#: No noise at all.
SMOOTH = Grain(0.0, 0)
