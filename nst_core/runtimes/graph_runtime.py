"""A runtime that executes the graphs of an arbitrary-style network, whatever compiles them."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from nst_core.networks.base import StyleNetwork
from nst_core.runtimes.graphs import (
    Decode,
    Encode,
    Render,
    RenderTile,
    StyleGraph,
    WeightedEncode,
    WeightedRender,
)
from nst_core.runtimes.runtime import Features


class GraphRuntime(ABC):
    """Implements `Runtime` for `network` by one graph for each of its methods."""

    def __init__(self, network: StyleNetwork) -> None:
        self._network = network

    @abstractmethod
    def _run(self, kind: type[StyleGraph], *inputs: Tensor) -> list[Tensor]:
        """The outputs of a graph of the network, on the device that computes them."""

    def _on_cpu(self, value: Tensor) -> Tensor:
        """An output in single precision on the CPU."""
        return value

    @property
    def statistics_width(self) -> int:
        """Length S of the statistics of the network."""
        return self._network.statistics_width

    def encode(self, image: Tensor, weight: Tensor | None = None) -> tuple[Features, Tensor]:
        """See `Runtime`."""
        if weight is None:
            statistics, *features = self._run(Encode, image)
        else:
            statistics, *features = self._run(WeightedEncode, image, weight)
        return tuple(features), self._on_cpu(statistics)

    def decode(self, features: Features, content: Tensor, target: Tensor) -> Tensor:
        """See `Runtime`."""
        return self._on_cpu(self._run(Decode, content, target, *features)[0])

    def render(
        self, image: Tensor, style: Tensor, alpha: Tensor, weight: Tensor | None = None
    ) -> Tensor:
        """See `Runtime`."""
        return self._on_cpu(self.render_there(image, style, alpha, weight))

    def render_there(
        self, image: Tensor, style: Tensor, alpha: Tensor, weight: Tensor | None = None
    ) -> Tensor:
        """`render`, whose result stays on the device; the inputs may be there too."""
        if weight is None:
            return self._run(Render, image, style, alpha)[0]
        return self._run(WeightedRender, image, weight, style, alpha)[0]

    def render_tile(self, image: Tensor, content: Tensor, target: Tensor) -> Tensor:
        """See `Runtime`."""
        return self._on_cpu(self._run(RenderTile, image, content, target)[0])
