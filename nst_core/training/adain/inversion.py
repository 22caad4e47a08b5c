"""Pretraining of a decoder as the inverse of a frozen VGG encoder (image reconstruction).

A randomly initialised decoder needs thousands of steps under the style loss before a photograph can be
recognised. Trained on the features before each of its upsamplings, it reconstructs photographs within
hundreds of steps, and such a decoder already renders AdaIN (as in the universal style transfer of Li
et al., NeurIPS 2017, section 3.1); the style loss then adds the brushwork.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from nst_core.networks.full import FullAdaIN
from nst_core.networks.vgg import load_vgg
from nst_core.training.errors import ConfigError

_DEEPEST = "relu4_1"
#: Layers before the poolings of VGG-16, in the order of the decoder's upsamplings.
_POOLED = ("relu3_3", "relu2_2", "relu1_2")


class Inversion:
    """Reconstruction losses of a network. Raises `ConfigError` unless its encoder is VGG-16."""

    def __init__(self, network: FullAdaIN) -> None:
        if network.width != 1:
            raise ConfigError("inversion_steps are for the full width, whose encoder is VGG-16.")
        self._network = network
        self._features = load_vgg((*_POOLED, _DEEPEST), reflect=True)
        self._features.to(next(network.decoder.parameters()).device)
        self._features.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def losses(self, pictures: Tensor) -> dict[str, Tensor]:
        """Losses with gradients for RGB pictures in [0, 1], (B, 3, H, W), with sides divisible by 8.

        "levels" is the squared error of features relative to their energy, "pixels" the squared and
        "identity" the absolute error of the pixels.
        """
        with torch.no_grad():
            features_by_layer = self._features(pictures.contiguous(memory_format=torch.channels_last))
            targets = [functional.max_pool2d(features_by_layer[name], 2) for name in _POOLED]
            features = self._network.scaled(features_by_layer[_DEEPEST])
        levels: list[Tensor] = []
        for layer in self._network.decoder:
            if isinstance(layer, nn.Upsample):
                target = self._network.scaled(targets[len(levels)])
                levels.append(functional.mse_loss(features, target) / target.pow(2).mean())
            features = layer(features)
        return {
            "levels": torch.stack(levels).mean(),
            "pixels": functional.mse_loss(features, pictures),
            "identity": functional.l1_loss(features, pictures),
        }


def weighted(losses: dict[str, Tensor]) -> Tensor:
    """Weighted sum to minimise: the features dominate first, the pixels at the end."""
    return 1.5 * losses["levels"] + 20 * losses["pixels"] + 2 * losses["identity"]
