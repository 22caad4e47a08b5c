"""Teaches the decoder of a frozen VGG encoder to undo it, before it is taught any style.

A decoder that starts from nothing spends thousands of steps under the style loss before a photo can
be made out. Shown what it should have before each of its upsamplings, it gives photographs back within
hundreds, and such a decoder already renders AdaIN (as in the universal style transfer of Li et al.,
NeurIPS 2017, section 3.1); the style loss then brings the brushwork.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from nst_core.networks.full import FullAdaIN
from nst_core.networks.vgg import load_vgg
from nst_core.training.johnson.config import ConfigError

_DEEPEST = "relu4_1"
#: What VGG-16 pools, in the order in which the decoder comes by it.
_POOLED = ("relu3_3", "relu2_2", "relu1_2")


class Inversion:
    """The losses of one network's first steps. Raises `ConfigError` unless its encoder is VGG-16."""

    def __init__(self, network: FullAdaIN) -> None:
        if network.width != 1:
            raise ConfigError("inversion_steps are for the full width, whose encoder is VGG-16.")
        self._network = network
        self._features = load_vgg((*_POOLED, _DEEPEST), reflect=True)
        self._features.to(next(network.decoder.parameters()).device)
        self._features.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def losses(self, pictures: Tensor) -> dict[str, Tensor]:
        """With gradients: "levels" as a share of their energy, "pixels" squared, "identity" absolute.

        `pictures` is RGB in [0, 1], (B, 3, H, W), its sides divisible by 8.
        """
        with torch.no_grad():
            seen = self._features(pictures.contiguous(memory_format=torch.channels_last))
            wanted = [functional.max_pool2d(seen[name], 2) for name in _POOLED]
            features = self._network.scaled(seen[_DEEPEST])
        levels: list[Tensor] = []
        for layer in self._network.decoder:
            if isinstance(layer, nn.Upsample):
                target = self._network.scaled(wanted[len(levels)])
                levels.append(functional.mse_loss(features, target) / target.pow(2).mean())
            features = layer(features)
        return {
            "levels": torch.stack(levels).mean(),
            "pixels": functional.mse_loss(features, pictures),
            "identity": functional.l1_loss(features, pictures),
        }


def weighted(losses: dict[str, Tensor]) -> Tensor:
    """What the first steps minimise: the levels lead, the picture has the last word."""
    return 1.5 * losses["levels"] + 20 * losses["pixels"] + 2 * losses["identity"]
