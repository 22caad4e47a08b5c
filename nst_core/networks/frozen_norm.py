"""Instance normalisation with frozen statistics, measured on windows of a picture.

A network of one style normalises by the statistics of the whole picture at every stage. When a picture
is too large for memory and is rendered in tiles, all tiles must use the same statistics.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

from nst_core.networks.johnson import JohnsonNetwork, Stage


class FrozenNorm(nn.Module):
    """Measures statistics while `weight` is set, and normalises with the measured statistics later."""

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
    """A copy of a `JohnsonNetwork` that renders windows of one picture with shared statistics."""

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
        """Measure the statistics on `windows` (B, 3, H, W), weighted by `weight` (B, 1, H, W).

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
