"""The runtimes for CUDA devices: half precision, channels-last order, CUDA graphs, limited memory."""

from __future__ import annotations

import copy
import logging
from typing import Any

import torch
from torch import Tensor

from nst_core.images.noise import noise_field
from nst_core.networks.base import StyleNetwork
from nst_core.networks.johnson import JohnsonNetwork, mirrored
from nst_core.runtimes.graph_runtime import GraphRuntime
from nst_core.runtimes.graphs import FeedForward, Graph, StyleGraph
from nst_core.runtimes.recorded_graphs import RecordedGraphs, graphs_of
from nst_core.runtimes.runtime import MEMORY_MB

log = logging.getLogger(__name__)

#: Largest difference between half and single precision, in levels of 255, at which half is used.
MAX_LEVELS = 1.5
#: Side in pixels of the picture that the two precisions are compared on.
_CHECK_SIDE = 256


class CudaRuntime(GraphRuntime):
    """Runs an arbitrary-style network, a copy of `network`, on a CUDA device. See `Runtime`.

    With `half` it computes in half precision if that is close enough to single precision on a picture
    of noise, which is measured here and logged. Statistics are in single precision in any case.
    `memory_mb` is the memory that a pass may take beside what the process holds; beyond it
    `torch.OutOfMemoryError` is raised, and the caller takes tiles. `graphs` are by default those that
    all networks on the device share.
    """

    def __init__(
        self,
        network: StyleNetwork,
        device: str = "cuda",
        *,
        half: bool = True,
        memory_mb: int = MEMORY_MB,
        graphs: RecordedGraphs | None = None,
    ) -> None:
        self.device = device
        self._copy = _DeviceCopy(network, device, half, memory_mb, graphs)
        self.name = self._copy.runtime_name
        super().__init__(self._copy.network)
        self._parts: dict[type[StyleGraph], StyleGraph] = {}

    def _run(self, kind: type[StyleGraph], *inputs: Tensor) -> list[Tensor]:
        part = self._parts.get(kind)
        if part is None:
            part = self._parts[kind] = kind(self._network).eval()
        return self._copy.run(part, *inputs)

    def _on_cpu(self, value: Tensor) -> Tensor:
        return _on_cpu(value)


class CudaFeedForward:
    """Runs a network of one style, a copy of `network`. See `FeedForwardRuntime` and `CudaRuntime`."""

    def __init__(
        self,
        network: JohnsonNetwork,
        device: str = "cuda",
        *,
        half: bool = True,
        memory_mb: int = MEMORY_MB,
        graphs: RecordedGraphs | None = None,
    ) -> None:
        self.device = device
        self._copy = _DeviceCopy(network, device, half, memory_mb, graphs)
        self.name = self._copy.runtime_name
        self._part = FeedForward(self._copy.network).eval()

    def run(self, image: Tensor) -> Tensor:
        """See `FeedForwardRuntime`."""
        return _on_cpu(self.run_there(image))

    def run_there(self, image: Tensor) -> Tensor:
        """`run`, whose result stays on the device; the input may be there too."""
        (output,) = self._copy.run(self._part, mirrored(image))
        return output[:, :, : image.shape[2], : image.shape[3]]


class _DeviceCopy:
    """A copy of a network on a device, in half precision if that is asked for and close enough.

    A copy, because the caller may train the original, or render with it on the CPU.
    """

    def __init__(
        self,
        network: StyleNetwork | JohnsonNetwork,
        device: str,
        half: bool,
        memory_mb: int,
        graphs: RecordedGraphs | None,
    ) -> None:
        placed: Any = copy.deepcopy(network).eval().to(device)
        placed.to(memory_format=torch.channels_last)
        self._dtype = torch.float32
        if half and _half_is_close(placed, device):
            placed.half()
            self._dtype = torch.float16
        self.network = placed
        self.runtime_name = "torch fp16" if self._dtype == torch.float16 else "torch"
        self._graphs = graphs or graphs_of(device)
        self._extra_bytes = memory_mb * 1_000_000

    def run(self, part: Graph, *inputs: Tensor) -> list[Tensor]:
        """The outputs of a part of the network; images are converted to its precision."""
        images = (value.to(self._dtype) if _is_image(value) else value for value in inputs)
        return self._graphs.run(part, *images, extra_bytes=self._extra_bytes)


def _is_image(value: Tensor) -> bool:
    return value.dim() == 4 and value.shape[1] == 3


def _on_cpu(value: Tensor) -> Tensor:
    """`value` in single precision on the CPU."""
    # A copy that does not block goes to pinned memory, which is several times as fast.
    moved = value.to("cpu", non_blocking=True)
    if value.is_cuda:
        torch.cuda.current_stream(value.device).synchronize()
    return moved.float()


def _half_is_close(network: StyleNetwork | JohnsonNetwork, device: str) -> bool:
    """Whether half precision is at most `MAX_LEVELS` away from single; says so in the log."""
    levels = half_precision_error(network, device)
    kind = type(network).__name__
    if levels <= MAX_LEVELS:
        log.info("%s on %s: fp16 is within %.2f levels of 255 of fp32", kind, device, levels)
        return True
    log.warning("%s on %s: fp16 is %.2f levels of 255 off; fp32 is used", kind, device, levels)
    return False


@torch.inference_mode()
def half_precision_error(
    network: StyleNetwork | JohnsonNetwork, device: str, side: int = _CHECK_SIDE
) -> float:
    """Largest difference of half to single precision on a picture of noise, in levels of 255.

    Infinite if half precision overflows.
    """
    field = torch.from_numpy(noise_field(0, 0, side, side, seed=0))[None]
    image = (0.5 + 0.25 * field).clamp(0, 1).to(device)
    single = _painted(network, image)
    half = _painted(copy.deepcopy(network).half(), image.half()).float()
    if not bool(half.isfinite().all()):
        return float("inf")
    return 255 * float((half - single).abs().max())


def _painted(network: StyleNetwork | JohnsonNetwork, image: Tensor) -> Tensor:
    """The output for `image` in the style of its mirror image with other colours."""
    if isinstance(network, JohnsonNetwork):
        out: Tensor = network(image)
        return out
    features = network.encode(image)
    target = network.tuned_style
    if target is None:
        target = network.statistics(network.encode(image.flip(1, 3)))
    measured = network.statistics(features)
    return network.decode(features, measured, target.to(measured))
