"""The OpenVINO runtimes, on the CPU: converted from the PyTorch network. Imported only when used."""

from __future__ import annotations

import copy
from pathlib import Path

from torch import Tensor

from nst_core.networks.base import StyleNetwork
from nst_core.networks.johnson import JohnsonNetwork, mirrored
from nst_core.runtimes.graph_cache import GraphFiles
from nst_core.runtimes.graphs import (
    Decode,
    Encode,
    FeedForward,
    Render,
    RenderTile,
    StyleGraph,
    WeightedEncode,
    WeightedRender,
)
from nst_core.runtimes.openvino_graphs import OpenVinoGraphs, openvino_version
from nst_core.runtimes.runtime import Features

#: Compiled graphs in memory, of one shape each.
COMPILED = 12
COMPILED_FEED_FORWARD = 4


class OpenVinoRuntime:
    """Runs an arbitrary-style network. See `Runtime`."""

    name = "openvino"
    device = "cpu"

    def __init__(
        self,
        network: StyleNetwork,
        *,
        compiled: int = COMPILED,
        cache: Path | None = None,
        threads: int = 0,
    ) -> None:
        # A copy, because the caller may move or train the original.
        network = copy.deepcopy(network).float().cpu().eval()
        files = GraphFiles.of(network, cache, f"openvino-{openvino_version()}")
        self._network = network
        self.graphs = OpenVinoGraphs(compiled, files, threads=threads)

    def encode(self, image: Tensor, weight: Tensor | None = None) -> tuple[Features, Tensor]:
        """See `Runtime`."""
        if weight is None:
            statistics, *features = self._run(Encode, image)
        else:
            statistics, *features = self._run(WeightedEncode, image, weight)
        return tuple(features), statistics

    def decode(self, features: Features, content: Tensor, target: Tensor) -> Tensor:
        """See `Runtime`."""
        return self._run(Decode, content, target, *features)[0]

    def render(
        self, image: Tensor, style: Tensor, alpha: Tensor, weight: Tensor | None = None
    ) -> Tensor:
        """See `Runtime`."""
        if weight is None:
            return self._run(Render, image, style, alpha)[0]
        return self._run(WeightedRender, image, weight, style, alpha)[0]

    def render_tile(self, image: Tensor, content: Tensor, target: Tensor) -> Tensor:
        """See `Runtime`."""
        return self._run(RenderTile, image, content, target)[0]

    def _run(self, kind: type[StyleGraph], *inputs: Tensor) -> list[Tensor]:
        return self.graphs.run(kind(self._network).eval(), *inputs)


class OpenVinoFeedForward:
    """Runs a network of one style. See `FeedForwardRuntime`."""

    name = "openvino"
    device = "cpu"

    def __init__(self, network: JohnsonNetwork, *, threads: int = 0) -> None:
        network = copy.deepcopy(network).float().cpu().eval()
        self._graph = FeedForward(network).eval()
        self._graphs = OpenVinoGraphs(COMPILED_FEED_FORWARD, threads=threads)

    def run(self, image: Tensor) -> Tensor:
        """See `FeedForwardRuntime`."""
        (output,) = self._graphs.run(self._graph, mirrored(image))
        return output[:, :, : image.shape[2], : image.shape[3]]
