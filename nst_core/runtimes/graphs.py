"""Graphs: parts of a network as modules that take and give tensors only, to be traced and compiled.

Shapes: images are (B, 3, H, W), `weight` (B, 1, H / stride, W / stride), statistics (B, S), features
(B, C, h, w).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nst_core.networks.base import StyleNetwork
from nst_core.networks.johnson import JohnsonNetwork


class Graph(nn.Module):
    """A part of a network, with inputs to trace it with."""

    def example(self) -> tuple[Tensor, ...]:
        """Inputs of the right shapes; batch sizes and sides are free."""
        raise NotImplementedError


class StyleGraph(Graph):
    """A part of an arbitrary-style network."""

    def __init__(self, network: StyleNetwork) -> None:
        super().__init__()
        self.network = network


class Encode(StyleGraph):
    """Statistics and features of images of which every cell counts."""

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Return the statistics (B, S), then the levels that the decoder reads."""
        features = self.network.encode(image)
        return self.network.statistics(features), *features[-self.network.decoded_levels :]

    def example(self) -> tuple[Tensor, ...]:
        """See `Graph`."""
        return (_example_image(self.network),)


class WeightedEncode(StyleGraph):
    """Statistics and features of images of which a part counts."""

    def forward(self, image: Tensor, weight: Tensor) -> tuple[Tensor, ...]:
        """Return the statistics (B, S), then the levels that the decoder reads."""
        features = self.network.encode(image)
        return self.network.statistics(features, weight), *features[-self.network.decoded_levels :]

    def example(self) -> tuple[Tensor, ...]:
        """See `Graph`."""
        image = _example_image(self.network)
        return image, _example_weight(self.network, image)


class Decode(StyleGraph):
    """Images of features whose statistics are replaced."""

    def forward(self, content: Tensor, target: Tensor, *features: Tensor) -> Tensor:
        """Return (B, 3, H, W), not clamped."""
        return self.network.decode(features, content, target)

    def example(self) -> tuple[Tensor, ...]:
        """See `Graph`."""
        with torch.no_grad():
            features = self.network.encode(_example_image(self.network))
        statistics = torch.ones(1, self.network.statistics_width)
        return statistics, statistics.clone(), *features[-self.network.decoded_levels :]


class Render(StyleGraph):
    """The whole network for images of which every cell counts."""

    def forward(self, image: Tensor, style: Tensor, alpha: Tensor) -> Tensor:
        """Return (B, 3, H, W), not clamped."""
        features = self.network.encode(image)
        content = self.network.statistics(features)
        return self.network.decode(features, content, torch.lerp(content, style, alpha))

    def example(self) -> tuple[Tensor, ...]:
        """See `Graph`."""
        style = torch.ones(1, self.network.statistics_width)
        return _example_image(self.network), style, torch.ones(1, 1)


class WeightedRender(StyleGraph):
    """The whole network for images of which a part counts."""

    def forward(self, image: Tensor, weight: Tensor, style: Tensor, alpha: Tensor) -> Tensor:
        """Return (B, 3, H, W), not clamped."""
        features = self.network.encode(image)
        content = self.network.statistics(features, weight)
        return self.network.decode(features, content, torch.lerp(content, style, alpha))

    def example(self) -> tuple[Tensor, ...]:
        """See `Graph`."""
        style = torch.ones(1, self.network.statistics_width)
        image = _example_image(self.network)
        return image, _example_weight(self.network, image), style, torch.ones(1, 1)


class RenderTile(StyleGraph):
    """The whole network for parts of images whose statistics are known."""

    def forward(self, image: Tensor, content: Tensor, target: Tensor) -> Tensor:
        """Return (B, 3, H, W), not clamped."""
        return self.network.decode(self.network.encode(image), content, target)

    def example(self) -> tuple[Tensor, ...]:
        """See `Graph`."""
        statistics = torch.ones(1, self.network.statistics_width)
        return _example_image(self.network), statistics, statistics.clone()


class FeedForward(Graph):
    """A network of one style without its padding, which would be traced as constants."""

    def __init__(self, network: JohnsonNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """Return (B, 3, H, W), not clamped."""
        return self.network.inner(image)

    def example(self) -> tuple[Tensor, ...]:
        """See `Graph`."""
        return (torch.linspace(0, 1, 3 * 64 * 64).reshape(1, 3, 64, 64),)


def _example_image(network: StyleNetwork) -> Tensor:
    cells = max(8, -(-network.minimum_side // network.stride))
    side = cells * network.stride
    return torch.linspace(0, 1, 3 * side**2).reshape(1, 3, side, side)


def _example_weight(network: StyleNetwork, image: Tensor) -> Tensor:
    return torch.ones(1, 1, *(side // network.stride for side in image.shape[2:]))
