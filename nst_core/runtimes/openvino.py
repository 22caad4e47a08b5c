"""The OpenVINO runtimes, on the CPU: converted from the PyTorch network. Imported only when used."""

from __future__ import annotations

import copy
from pathlib import Path

from torch import Tensor

from nst_core.networks.base import StyleNetwork
from nst_core.networks.johnson import JohnsonNetwork, mirrored
from nst_core.runtimes.graph_cache import GraphFiles
from nst_core.runtimes.graphs import Decode, Encode, FeedForward, WeightedEncode
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
        self, network: StyleNetwork, *, compiled: int = COMPILED, cache: Path | None = None
    ) -> None:
        # A copy, because the caller may move or train the original.
        network = copy.deepcopy(network).float().cpu().eval()
        files = GraphFiles.of(network, cache, f"openvino-{openvino_version()}")
        self._encode, self._weighted = Encode(network).eval(), WeightedEncode(network).eval()
        self._decode = Decode(network).eval()
        self.graphs = OpenVinoGraphs(compiled, files)

    def encode(self, image: Tensor, weight: Tensor | None = None) -> tuple[Features, Tensor]:
        """See `Runtime`."""
        if weight is None:
            statistics, *features = self.graphs.run(self._encode, image)
        else:
            statistics, *features = self.graphs.run(self._weighted, image, weight)
        return tuple(features), statistics

    def decode(self, features: Features, content: Tensor, target: Tensor) -> Tensor:
        """See `Runtime`."""
        return self.graphs.run(self._decode, content, target, *features)[0]


class OpenVinoFeedForward:
    """Runs a network of one style. See `FeedForwardRuntime`."""

    name = "openvino"
    device = "cpu"

    def __init__(self, network: JohnsonNetwork) -> None:
        network = copy.deepcopy(network).float().cpu().eval()
        self._graph = FeedForward(network).eval()
        self._graphs = OpenVinoGraphs(COMPILED_FEED_FORWARD)

    def run(self, image: Tensor) -> Tensor:
        """See `FeedForwardRuntime`."""
        (output,) = self._graphs.run(self._graph, mirrored(image))
        return output[:, :, : image.shape[2], : image.shape[3]]
