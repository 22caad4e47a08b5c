"""AdaIN at full width: VGG-16 to relu4_1 and a mirrored decoder (Huang & Belongie, ICCV 2017).

As in the paper: a frozen encoder, one AdaIN on its deepest features, a decoder that mirrors it with
nearest upsampling and reflection padding. The paper used VGG-19; up to relu4_1, VGG-16 has one
convolution less. With `width` other than 1 the encoder has that share of VGG's channels and is trained.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from nst_core.errors import NstError
from nst_core.networks.adain import adaptive_instance_normalization
from nst_core.networks.base import StyleNetwork
from nst_core.networks.slim import ReflectConv
from nst_core.networks.vgg import load_vgg

_DEEPEST = "relu4_1"
#: VGG-16's convolutions up to there, as (input, output) channels; a max-pool between the groups.
_LEVELS = (
    ((3, 64), (64, 64)),
    ((64, 128), (128, 128)),
    ((128, 256), (256, 256), (256, 256)),
    ((256, 512),),
)
#: The standard deviation of Oxford's relu4_1 is about 300 per channel; decoders train well at about 1.
_VGG_SCALE = 1 / 300


class FullAdaIN(StyleNetwork):
    """Arbitrary style transfer in about 250 GFLOP for a 512×512 image.

    Inputs must have sides divisible by `stride` and at least `minimum_side`.
    """

    architecture = "full_adain"
    stride = 8
    minimum_side = 16
    scales = (1,)

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        if not 0 < width <= 4:
            raise NstError(f"The width is a share of VGG's channels, above 0 and up to 4; got {width}.")
        self.width = float(width)
        self.encoder: nn.Module
        if self.width == 1:
            self.encoder = load_vgg((_DEEPEST,), reflect=True)
        else:
            self.encoder = _encoder(self.width)
        self.decoder = _decoder(self.width)
        nn.init.constant_(self.decoder[-1].bias, 0.5)  # type: ignore[arg-type]

    @property
    def settings(self) -> dict[str, object]:
        """Constructor arguments, as stored in a checkpoint's metadata."""
        return {"width": self.width}

    @property
    def levels(self) -> tuple[int, ...]:
        """The channels of relu4_1."""
        return (_scaled(512, self.width),)

    @property
    def reach(self) -> int:
        """See `StyleNetwork`: one pixel of its own resolution for each 3×3 convolution."""
        steps = sum(len(level) * 2**number for number, level in enumerate(_LEVELS))
        # Encoder and mirrored decoder; pooling and upsampling reach the rest of a cell.
        return int(2 * steps + self.stride)

    def trained_state_dict(self) -> dict[str, Tensor]:
        """The weights that a checkpoint holds: without VGG's, which are bundled separately."""
        frozen = "encoder." if self.width == 1 else None
        return {
            k: v for k, v in self.state_dict().items() if frozen is None or not k.startswith(frozen)
        }

    def load_trained_state_dict(self, weights: Mapping[str, Tensor]) -> None:
        """Take the weights of `trained_state_dict`. Raises `RuntimeError` if they do not fit."""
        kept = {k: v for k, v in self.state_dict().items() if k not in self.trained_state_dict()}
        self.load_state_dict({**kept, **weights})

    def encode(self, x: Tensor) -> tuple[Tensor, ...]:
        """RGB in [0, 1], (B, 3, H, W) → relu4_1, (B, 512·width, H/8, W/8), as the only level."""
        if self.width == 1:
            return (self.scaled(self.encoder(x)[_DEEPEST]),)
        return (self.encoder(x - 0.5),)

    @staticmethod
    def scaled(features: Tensor) -> Tensor:
        """VGG's features, scaled for the decoder."""
        return features * _VGG_SCALE

    def decode(self, features: tuple[Tensor, ...], content: Tensor, target: Tensor) -> Tensor:
        """Give `features`, whose statistics are `content`, the statistics `target`, and decode them.

        Returns (B, 3, H, W), nominally in [0, 1] and not clamped.
        """
        mine, theirs = self.split(content)[0], self.split(target)[0]
        out: Tensor = self.decoder(adaptive_instance_normalization(features[0], *mine, *theirs))
        return out

    def forward(self, content: Tensor, target: Tensor) -> Tensor:
        """Stylise (B, 3, H, W) with the statistics `target`, at full strength."""
        features = self.encode(content)
        return self.decode(features, self.statistics(features), target)


def _scaled(channels: int, width: float) -> int:
    return channels if channels == 3 else max(8, round(channels * width / 8) * 8)


def _encoder(width: float) -> nn.Sequential:
    layers: list[nn.Module] = []
    for number, level in enumerate(_LEVELS):
        if number:
            layers.append(nn.MaxPool2d(2))
        for inputs, outputs in level:
            layers += [ReflectConv(_scaled(inputs, width), _scaled(outputs, width)), nn.ReLU()]
    return nn.Sequential(*layers)


def _decoder(width: float) -> nn.Sequential:
    layers: list[nn.Module] = []
    for number, level in enumerate(reversed(_LEVELS)):
        if number:
            layers.append(nn.Upsample(scale_factor=2, mode="nearest"))
        for inputs, outputs in reversed(level):
            layers += [ReflectConv(_scaled(outputs, width), _scaled(inputs, width)), nn.ReLU()]
    return nn.Sequential(*layers[:-1])  # the output is not rectified
