"""What a runtime executes: parts of a job as modules that take and give tensors alone.

Shapes: images are (B, 3, H, W), `weight` is (B, 1, H / stride, W / stride) and says which places count
for the statistics, statistics are (B, S), `alpha` is (B, 1).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nst_core.networks.base import StyleNetwork


class Graph(nn.Module):
    """A part of a job, for one network. `inputs` names what `forward` takes, in order."""

    inputs: tuple[str, ...]

    def __init__(self, network: StyleNetwork) -> None:
        super().__init__()
        self.network = network


class Statistics(Graph):
    """The statistics of a picture, all of which counts."""

    inputs = ("image",)

    def forward(self, image: Tensor) -> Tensor:
        """Return (B, S)."""
        return self.network.statistics(self.network.encode(image))


class WeightedStatistics(Graph):
    """The statistics of what counts of a picture."""

    inputs = ("image", "weight")

    def forward(self, image: Tensor, weight: Tensor) -> Tensor:
        """Return (B, S)."""
        return self.network.statistics(self.network.encode(image), weight)


class Render(Graph):
    """The whole job: encode, measure, move the statistics the share `alpha` to the style, decode."""

    inputs = ("image", "style", "alpha")

    def forward(self, image: Tensor, style: Tensor, alpha: Tensor) -> Tensor:
        """Return (B, 3, H, W), not clamped."""
        features = self.network.encode(image)
        content = self.network.statistics(features)
        return self.network.decode(features, content, torch.lerp(content, style, alpha))


class WeightedRender(Graph):
    """The whole job, for a picture not all of which counts."""

    inputs = ("image", "weight", "style", "alpha")

    def forward(self, image: Tensor, weight: Tensor, style: Tensor, alpha: Tensor) -> Tensor:
        """Return (B, 3, H, W), not clamped."""
        features = self.network.encode(image)
        content = self.network.statistics(features, weight)
        return self.network.decode(features, content, torch.lerp(content, style, alpha))


class RenderTile(Graph):
    """A part of a picture whose statistics are known, given others."""

    inputs = ("image", "content", "target")

    def forward(self, image: Tensor, content: Tensor, target: Tensor) -> Tensor:
        """Return (B, 3, H, W), not clamped."""
        return self.network.decode(self.network.encode(image), content, target)


def example_inputs(graph: Graph, *, batch: int = 1, cells: int = 8) -> tuple[Tensor, ...]:
    """Inputs of the right kind to trace or export `graph` with: a picture of `cells`² cells."""
    network = graph.network
    cells = max(cells, -(-network.minimum_side // network.stride))
    side, width = cells * network.stride, network.statistics_width
    known = {
        "image": torch.linspace(0, 1, batch * 3 * side**2).reshape(batch, 3, side, side),
        "weight": torch.ones(batch, 1, cells, cells),
        "alpha": torch.ones(batch, 1),
    }
    return tuple(known.get(name, torch.ones(batch, width)) for name in graph.inputs)
