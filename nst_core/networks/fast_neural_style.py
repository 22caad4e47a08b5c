"""The transformer network of PyTorch's `fast_neural_style` example, a network of one style.

Johnson's network with instance normalisation and nearest upsampling, without an output activation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from nst_core.networks.johnson import JohnsonNetwork

#: Layer names of the example, in the order of this network's layers: convolutions, and the norms after
#: all of them but the last.
_RESIDUALS = [f"res{block}.{{}}{half}" for block in range(1, 6) for half in (1, 2)]
_CONVOLUTIONS = ["conv1", "conv2", "conv3", *(name.format("conv") for name in _RESIDUALS)]
_CONVOLUTIONS += ["deconv1", "deconv2", "deconv3"]
_NORMS = ["in1", "in2", "in3", *(name.format("in") for name in _RESIDUALS), "in4", "in5"]
_LEVELS = 255


class FastNeuralStyle(JohnsonNetwork):
    """RGB in [0, 1], (B, 3, H, W) → the same, clamped; see `JohnsonNetwork` for sides."""

    architecture: ClassVar[str] = "fast_neural_style"

    def finished(self, x: Tensor) -> Tensor:
        """The head's output as a picture in [0, 1]."""
        return x.clamp(0, 1)


def translated(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of an example's file under the names of `FastNeuralStyle`.

    The example's network works in 0..255, so the weights of the first and the last convolution are
    scaled. Raises `KeyError` for a missing layer.
    """
    stages = [f"encoder.{number}" for number in range(3)]
    stages += [f"residuals.{block}.{half}" for block in range(5) for half in ("first", "second")]
    stages += [f"decoder.{number}" for number in range(2)]
    layers = [*(f"{stage}.convolution" for stage in stages), "head"]
    found = {
        f"{own}.{part}": weights[f"{name}.conv2d.{part}"]
        for own, name in zip(layers, _CONVOLUTIONS, strict=True)
        for part in ("weight", "bias")
    }
    for stage, name in zip(stages, _NORMS, strict=True):
        found |= {f"{stage}.norm.{part}": weights[f"{name}.{part}"] for part in ("weight", "bias")}
    found["encoder.0.convolution.weight"] = found["encoder.0.convolution.weight"] * _LEVELS
    for part in ("weight", "bias"):
        found[f"head.{part}"] = found[f"head.{part}"] / _LEVELS
    return found
