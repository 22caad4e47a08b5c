"""Networks of other papers, rebuilt with random weights, for comparisons of speed."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from nst_core.networks.adain import adaptive_instance_normalization
from nst_core.networks.base import StyleNetwork
from nst_core.networks.slim import ReflectConv


def _depthwise(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """A grouped 3×3 convolution and a 1×1 convolution, each with a ReLU."""
    groups = min(inputs, outputs)
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, groups=groups, padding_mode="reflect"),
        nn.ReLU(),
        nn.Conv2d(outputs, outputs, 1),
        nn.ReLU(),
    )


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = ReflectConv(channels, channels)
        self.second = ReflectConv(channels, channels)

    def forward(self, x: Tensor, gain: Tensor | None = None, skip: Tensor | None = None) -> Tensor:
        """With `gain` and `skip` (B, C, 1, 1), each convolution's output and input are weighted."""
        if gain is None or skip is None:
            plain: Tensor = x + self.second(functional.relu(self.first(x)))
            return plain
        inner = functional.relu(gain * self.first(x) + skip * x)
        weighed: Tensor = x + gain * self.second(inner) + skip * inner
        return weighed


class MicroAST(StyleNetwork):
    """The content path of MicroAST (Wang et al., AAAI 2023), 14.6 GFLOP at 512×512.

    An encoder with a 9×9 convolution at full resolution, two levels of AdaIN at 1/4, residual blocks
    whose convolutions are weighted by the style, and a mirrored decoder.
    """

    architecture = "microast"
    stride = 4
    minimum_side = 32
    scales = (1, 1)
    settings = property(lambda self: {})
    levels = property(lambda self: (64, 64))
    decoded_levels = property(lambda self: 1)
    reach = property(lambda self: 4 + 2 + 4 + 6 * 2 * 4 + 2 + 4 + 4)

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(3, 16, 9, padding=4, padding_mode="reflect"),
            nn.ReLU(),
            *_depthwise(16, 32, stride=2),
            *_depthwise(32, 64, stride=2),
        )
        self.encode_first, self.encode_second = _Residual(64), _Residual(64)
        self.decode_first, self.decode_second = _Residual(64), _Residual(64)
        self.tail = nn.Sequential(
            nn.Upsample(scale_factor=2, mode="bilinear"),
            *_depthwise(64, 32),
            nn.Upsample(scale_factor=2, mode="bilinear"),
            *_depthwise(32, 16),
            nn.Conv2d(16, 3, 9, padding=4, padding_mode="reflect"),
        )

    def encode(self, x: Tensor) -> tuple[Tensor, ...]:
        """RGB → features before and after the second residual block, both at 1/4."""
        first = self.encode_first(self.encoder(x))
        return first, self.encode_second(first)

    def decode(self, features: tuple[Tensor, ...], content: Tensor, target: Tensor) -> Tensor:
        """AdaIN on the second level, a decoder block, AdaIN with the first level's style, the rest."""
        (_, _), mine = self.split(content)
        shallow, deep = self.split(target)
        x = adaptive_instance_normalization(features[-1], *mine, *deep)
        x = self.decode_first(x, *deep)
        variance, mean = torch.var_mean(x, dim=(2, 3), keepdim=True)
        x = adaptive_instance_normalization(x, mean, (variance + 1e-5).sqrt(), *shallow)
        out: Tensor = self.tail(self.decode_second(x, *shallow))
        return out


PEERS: dict[str, type[StyleNetwork]] = {"microast": MicroAST}
