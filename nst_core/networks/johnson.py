"""The feed-forward network for one style of Johnson et al. (ECCV 2016), with 1,679,235 parameters.

As in the paper's supplement, with what followed it: instance normalisation instead of batch
normalisation, and nearest upsampling instead of transposed convolutions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from nst_core.networks.padding import reflection_padded

#: Padded sides are multiples of this many pixels, because two convolutions halve them.
STRIDE = 4
#: Smallest padded side: below it, reflection padding of a 9×9 kernel is impossible.
MINIMUM_SIDE = 8


class Convolution(nn.Conv2d):
    """A convolution with reflection padding that keeps the size (or divides it by `stride`)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride)
        self.border = kernel // 2

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) → (B, outputs, H / stride, W / stride)."""
        return super().forward(reflection_padded(x, self.border))


class Stage(nn.Module):
    """Optional upsampling, a convolution, instance normalisation, an optional ReLU."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, *, up: int = 1, relu: bool = True
    ) -> None:
        super().__init__()
        self.convolution = Convolution(inputs, outputs, kernel, stride)
        self.norm = nn.InstanceNorm2d(outputs, affine=True)
        self.up = up
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) → (B, outputs, H · up / stride, W · up / stride)."""
        x = self.norm(self.convolved(x))
        return functional.relu(x, inplace=True) if self.relu else x

    def convolved(self, x: Tensor) -> Tensor:
        """The convolution's output, before the normalisation."""
        if self.up > 1:
            x = functional.interpolate(x, scale_factor=self.up, mode="nearest")
        out: Tensor = self.convolution(x)
        return out


class Residual(nn.Module):
    """Two 3×3 stages beside the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = Stage(channels, channels, 3)
        self.second = Stage(channels, channels, 3, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) → the same shape."""
        out: Tensor = x + self.second(self.first(x))
        return out


class JohnsonNetwork(nn.Module):
    """3→32→64→128, five residual blocks, 128→64→32→3, `(tanh + 1) / 2`.

    RGB in [0, 1], (B, 3, H, W) of any size → RGB in [0, 1] of the same size: sides are padded to a
    multiple of `STRIDE` by reflection and cropped again.
    """

    architecture: ClassVar[str] = "johnson"
    stride: ClassVar[int] = STRIDE
    minimum_side: ClassVar[int] = MINIMUM_SIDE

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(Stage(3, 32, 9), Stage(32, 64, 3, 2), Stage(64, 128, 3, 2))
        self.residuals = nn.Sequential(*(Residual(128) for _ in range(5)))
        self.decoder = nn.Sequential(Stage(128, 64, 3, up=2), Stage(64, 32, 3, up=2))
        self.head = Convolution(32, 3, 9)
        #: Gradient checkpointing: activations are computed again in the backward pass, to save memory.
        self.gradient_checkpointing = False

    @property
    def settings(self) -> dict[str, object]:
        """Constructor arguments, as stored in a checkpoint's metadata: none."""
        return {}

    def trained_state_dict(self) -> dict[str, Tensor]:
        """The weights that a checkpoint holds: all."""
        return dict(self.state_dict())

    def load_trained_state_dict(self, weights: Mapping[str, Tensor]) -> None:
        """Take the weights of `trained_state_dict`. Raises `RuntimeError` if they do not fit."""
        self.load_state_dict(weights)

    def blocks(self) -> Iterator[nn.Module]:
        """The stages and residual blocks before the head, in order."""
        yield from self.encoder
        yield from self.residuals
        yield from self.decoder

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        height, width = x.shape[2:]
        return self.inner(mirrored(x))[:, :, :height, :width]

    def inner(self, x: Tensor) -> Tensor:
        """The network without padding: sides are multiples of `STRIDE`, at least `MINIMUM_SIDE`."""
        for block in self.blocks():
            if self.gradient_checkpointing and torch.is_grad_enabled():
                x = checkpoint(block, x, use_reentrant=False, preserve_rng_state=False)
            else:
                x = block(x)
        return self.finished(self.head(x))

    def finished(self, x: Tensor) -> Tensor:
        """The head's output as a picture in [0, 1]."""
        return (torch.tanh(x) + 1) / 2


def inner_side(side: int) -> int:
    """The padded length of a side."""
    return max(MINIMUM_SIDE, -(-side // STRIDE) * STRIDE)


def mirrored(x: Tensor) -> Tensor:
    """(B, C, H, W) padded by reflection on the right and at the bottom, also for tiny pictures."""
    for dimension in (2, 3):
        side = x.shape[dimension]
        padded = inner_side(side)
        if padded != side:
            period = max(1, 2 * (side - 1))
            places = torch.arange(padded, device=x.device) % period
            x = x.index_select(dimension, torch.minimum(places, period - places))
    return x
