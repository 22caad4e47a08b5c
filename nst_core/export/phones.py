"""Networks as converters for phones take them: constant weights, and sides that need no padding."""

from __future__ import annotations

import copy

from torch import Tensor, nn

from nst_core.export.modules import Exportable, OneStyle
from nst_core.networks.slim import UpsamplingHead


class _OneStyleWithoutPadding(nn.Module):
    """A network of one style for sides that are multiples of its stride: no padding, no cropping."""

    def __init__(self, one_style: OneStyle) -> None:
        super().__init__()
        self.network = one_style.network

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] → the same."""
        return self.network.inner(image)


def phone_module(network: Exportable) -> nn.Module:
    """A copy of the module of `network` with equal outputs, in operators that phones run fast.

    `UpsamplingHead` computes its weights in the graph; a convolution of XNNPACK or Core ML takes
    constants only. Padding to a multiple of the stride would be dynamic indexing.
    """
    module: nn.Module = copy.deepcopy(network.module).eval()
    for name, part in list(module.named_modules()):
        if isinstance(part, UpsamplingHead):
            module.set_submodule(name, part.unfolded())
    return _OneStyleWithoutPadding(module).eval() if isinstance(module, OneStyle) else module


def phone_example(network: Exportable) -> tuple[Tensor, ...]:
    """Example inputs with a batch of one picture: phones paint one picture at a time."""
    return tuple(value[:1] for value in network.example())
