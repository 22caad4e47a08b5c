"""The transformer network of PyTorch's `fast_neural_style` example: one style, learnt into its weights.

The convolutions are those of Johnson et al. (ECCV 2016) with instance normalisation and nearest
upsampling; it works in 0..255 and ends without an activation. Layers have the names that its published
files give them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional


class _Padded(nn.Module):
    """A convolution after a mirrored border; `scale` enlarges its input first."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, *, scale: int = 1
    ) -> None:
        super().__init__()
        self._border, self._scale = kernel // 2, scale
        self.conv2d = nn.Conv2d(inputs, outputs, kernel, stride)

    def forward(self, x: Tensor) -> Tensor:
        if self._scale > 1:
            x = functional.interpolate(x, scale_factor=self._scale, mode="nearest")
        out: Tensor = self.conv2d(functional.pad(x, (self._border,) * 4, mode="reflect"))
        return out


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.in1 = _Padded(channels, channels, 3), _norm(channels)
        self.conv2, self.in2 = _Padded(channels, channels, 3), _norm(channels)

    def forward(self, x: Tensor) -> Tensor:
        inner = functional.relu(self.in1(self.conv1(x)))
        out: Tensor = x + self.in2(self.conv2(inner))
        return out


class FastNeuralStyle(nn.Module):
    """RGB in [0, 1], (B, 3, H, W) → the same, clamped; sides of at least `minimum_side`.

    Sides that `stride` does not divide come out right, but a runtime may want them divisible.
    """

    architecture: ClassVar[str] = "fast_neural_style"
    stride: ClassVar[int] = 4
    minimum_side: ClassVar[int] = 16

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.in1 = _Padded(3, 32, 9), _norm(32)
        self.conv2, self.in2 = _Padded(32, 64, 3, 2), _norm(64)
        self.conv3, self.in3 = _Padded(64, 128, 3, 2), _norm(128)
        self.res1, self.res2, self.res3 = _Residual(128), _Residual(128), _Residual(128)
        self.res4, self.res5 = _Residual(128), _Residual(128)
        self.deconv1, self.in4 = _Padded(128, 64, 3, scale=2), _norm(64)
        self.deconv2, self.in5 = _Padded(64, 32, 3, scale=2), _norm(32)
        self.deconv3 = _Padded(32, 3, 9)

    @property
    def settings(self) -> dict[str, object]:
        """Constructor arguments, as stored in a checkpoint's metadata: none."""
        return {}

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        height, width = x.shape[2:]
        x = x * 255
        x = functional.relu(self.in1(self.conv1(x)))
        x = functional.relu(self.in2(self.conv2(x)))
        x = functional.relu(self.in3(self.conv3(x)))
        for block in (self.res1, self.res2, self.res3, self.res4, self.res5):
            x = block(x)
        x = functional.relu(self.in4(self.deconv1(x)))
        x = functional.relu(self.in5(self.deconv2(x)))
        out: Tensor = self.deconv3(x)[:, :, :height, :width]
        return (out / 255).clamp(0, 1)

    def trained_state_dict(self) -> dict[str, Tensor]:
        """The weights a checkpoint holds: all."""
        return dict(self.state_dict())

    def load_trained_state_dict(self, weights: Mapping[str, Tensor]) -> None:
        """Take the weights of `trained_state_dict`. Raises `RuntimeError` if they do not fit."""
        self.load_state_dict(weights)


def _norm(channels: int) -> nn.InstanceNorm2d:
    return nn.InstanceNorm2d(channels, affine=True)
