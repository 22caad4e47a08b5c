"""AdaIN as published (Huang & Belongie, ICCV 2017): VGG-19 to relu4_1 and a mirrored decoder.

Both are imported from files. The encoder is the normalised VGG-19 of the published code and of its
ports to PyTorch: a 1×1 convolution that normalises RGB in [0, 1], then convolutions with reflection
padding.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from nst_core.networks.adain import adaptive_instance_normalization
from nst_core.networks.base import StyleNetwork
from nst_core.networks.slim import ReflectConv

#: Channels after each convolution of the encoder, up to relu4_1; a max-pool between the groups.
_LEVELS = ((64, 64), (128, 128), (256, 256, 256, 256), (512,))


class AdaINVgg19(StyleNetwork):
    """Arbitrary style transfer in about 290 GFLOP for a 512×512 image, with imported weights."""

    architecture = "adain_vgg19"
    stride = 8
    minimum_side = 16
    scales = (1,)

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(3, 3, 1), *_encoder())
        self.decoder = nn.Sequential(*_decoder())

    @property
    def settings(self) -> dict[str, object]:
        """Constructor arguments, as stored in a checkpoint's metadata: none."""
        return {}

    @property
    def levels(self) -> tuple[int, ...]:
        """The channels of relu4_1."""
        return (512,)

    @property
    def reach(self) -> int:
        """See `StyleNetwork`: one pixel of its own resolution for each 3×3 convolution."""
        steps = sum(len(level) * 2**number for number, level in enumerate(_LEVELS))
        return int(2 * steps + self.stride)

    def encode(self, x: Tensor) -> tuple[Tensor, ...]:
        """RGB in [0, 1], (B, 3, H, W) → relu4_1, (B, 512, H/8, W/8), as the only level."""
        return (self.encoder(x),)

    def decode(self, features: tuple[Tensor, ...], content: Tensor, target: Tensor) -> Tensor:
        """Give `features`, whose statistics are `content`, the statistics `target`, and decode them."""
        mine, theirs = self.split(content)[0], self.split(target)[0]
        out: Tensor = self.decoder(adaptive_instance_normalization(features[0], *mine, *theirs))
        return out

    def forward(self, content: Tensor, target: Tensor) -> Tensor:
        """Stylise (B, 3, H, W) with the statistics `target`, at full strength."""
        features = self.encode(content)
        return self.decode(features, self.statistics(features), target)

    def load_trained_state_dict(self, weights: Mapping[str, Tensor]) -> None:
        """Take the weights of `trained_state_dict`. Raises `RuntimeError` if they do not fit."""
        self.load_state_dict(weights)


def _encoder() -> list[nn.Module]:
    layers: list[nn.Module] = []
    inputs = 3
    for number, level in enumerate(_LEVELS):
        if number:
            layers.append(nn.MaxPool2d(2))
        for outputs in level:
            layers += [ReflectConv(inputs, outputs), nn.ReLU()]
            inputs = outputs
    return layers


def _decoder() -> list[nn.Module]:
    layers: list[nn.Module] = []
    pairs = []
    inputs = 3
    for level in _LEVELS:
        group = []
        for outputs in level:
            group.append((outputs, inputs))
            inputs = outputs
        pairs.append(group)
    for number, group in enumerate(reversed(pairs)):
        if number:
            layers.append(nn.Upsample(scale_factor=2, mode="nearest"))
        for wide, narrow in reversed(group):
            layers += [ReflectConv(wide, narrow), nn.ReLU()]
    return layers[:-1]  # the output is not rectified
