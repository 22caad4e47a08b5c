"""Instance normalisation whose statistics are taken from windows of a picture and then kept.

A network of one style normalises by the statistics of the whole picture, at every stage. A picture too
large to be held whole is painted in tiles that must all be normalised alike.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

from nst_core.networks.johnson import JohnsonNetwork, Stage


class FrozenNorm(nn.Module):
    """Measures what it normalises while `weight` is set; later normalises with what it measured."""

    def __init__(self, norm: nn.InstanceNorm2d) -> None:
        super().__init__()
        self.scale, self.shift, self.epsilon = norm.weight, norm.bias, norm.eps
        self.weight: Tensor | None = None
        self.mean = torch.zeros(())
        self.variance = torch.ones(())

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W), all pictures normalised by the same statistics."""
        if self.weight is not None:
            count = functional.interpolate(self.weight, size=x.shape[2:], mode="area")
            total = count.sum()
            self.mean = ((x * count).sum((0, 2, 3)) / total)[:, None, None]
            self.variance = ((x - self.mean).square() * count).sum((0, 2, 3))[:, None, None] / total
        gain = self.scale[:, None, None] / (self.variance + self.epsilon).sqrt()
        return x * gain + (self.shift[:, None, None] - self.mean * gain)


class FrozenJohnson:
    """A `JohnsonNetwork` for windows of one picture."""

    def __init__(self, network: JohnsonNetwork) -> None:
        self.network = copy.deepcopy(network).eval()
        self._norms = []
        for stage in self.network.modules():
            if isinstance(stage, Stage):
                norm = FrozenNorm(stage.norm)
                stage.norm = norm  # type: ignore[assignment]
                self._norms.append(norm)

    @torch.inference_mode()
    def measure(self, windows: Tensor, weight: Tensor) -> None:
        """Take the statistics from `windows` (B, 3, H, W), each pixel counting `weight` (B, 1, H, W).

        Pixels near a window's cut edges, whose surroundings are missing, should not count.
        """
        for norm in self._norms:
            norm.weight = weight
        try:
            self.network(windows)
        finally:
            for norm in self._norms:
                norm.weight = None

    @torch.inference_mode()
    def paint(self, window: Tensor) -> Tensor:
        """The output (1, 3, H, W) for a window, with the statistics measured."""
        out: Tensor = self.network(window)
        return out
