"""The OpenVINO runtimes, on the CPU: converted from the PyTorch network. Imported only when used."""

from __future__ import annotations

import copy
from pathlib import Path

from torch import Tensor

from nst_core.networks.base import StyleNetwork
from nst_core.networks.johnson import JohnsonNetwork, mirrored
from nst_core.runtimes.graph_cache import GraphFiles
from nst_core.runtimes.graph_runtime import GraphRuntime
from nst_core.runtimes.graphs import FeedForward, StyleGraph
from nst_core.runtimes.openvino_graphs import OpenVinoGraphs, openvino_version
from nst_core.runtimes.runtime import MEMORY_MB


class OpenVinoRuntime(GraphRuntime):
    """Runs an arbitrary-style network. See `Runtime`."""

    name = "openvino"
    device = "cpu"

    def __init__(
        self,
        network: StyleNetwork,
        *,
        cache: Path | None = None,
        threads: int = 0,
        memory_mb: int = MEMORY_MB,
    ) -> None:
        # A copy, because the caller may move or train the original.
        network = copy.deepcopy(network).float().cpu().eval()
        files = GraphFiles.of(network, cache, f"openvino-{openvino_version()}")
        super().__init__(network)
        self.graphs = OpenVinoGraphs(files, threads=threads, memory_mb=memory_mb)

    def _run(self, kind: type[StyleGraph], *inputs: Tensor) -> list[Tensor]:
        return self.graphs.run(kind(self._network).eval(), *inputs)


class OpenVinoFeedForward:
    """Runs a network of one style. See `FeedForwardRuntime`."""

    name = "openvino"
    device = "cpu"

    def __init__(
        self, network: JohnsonNetwork, *, threads: int = 0, memory_mb: int = MEMORY_MB
    ) -> None:
        network = copy.deepcopy(network).float().cpu().eval()
        self._graph = FeedForward(network).eval()
        self._graphs = OpenVinoGraphs(threads=threads, memory_mb=memory_mb)

    def run(self, image: Tensor) -> Tensor:
        """See `FeedForwardRuntime`."""
        (output,) = self._graphs.run(self._graph, mirrored(image))
        return output[:, :, : image.shape[2], : image.shape[3]]
