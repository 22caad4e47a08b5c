"""The runtimes for CUDA devices: half precision, channels-last order, CUDA graphs, limited memory."""

from __future__ import annotations

import copy
import logging
from typing import Any

import torch
from torch import Tensor, nn

from nst_core.images.noise import noise_field
from nst_core.networks.base import StyleNetwork
from nst_core.networks.johnson import JohnsonNetwork, mirrored
from nst_core.runtimes.graphs import (
    Decode,
    Encode,
    FeedForward,
    Graph,
    Render,
    RenderTile,
    StyleGraph,
    WeightedEncode,
    WeightedRender,
)
from nst_core.runtimes.recorded_graphs import RecordedGraphs, graphs_of
from nst_core.runtimes.runtime import Features

log = logging.getLogger(__name__)

#: Largest difference between half and single precision, in levels of 255, at which half is used.
MAX_LEVELS = 1.5
#: Side in pixels of the picture that the two precisions are compared on.
_CHECK_SIDE = 256
#: Memory that a network may take by default, in MB.
_MEMORY_MB = 1_500


class CudaRuntime:
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
        memory_mb: int = _MEMORY_MB,
        graphs: RecordedGraphs | None = None,
    ) -> None:
        self.device = device
        self._network: StyleNetwork = _placed(network, device)
        self._dtype = torch.float32
        if half and _half_is_close(self._network, device):
            self._network.half()
            self._dtype = torch.float16
        self.name = _name(self._dtype)
        self._graphs = graphs or graphs_of(device)
        self._extra_bytes = memory_mb * 1_000_000
        self._parts: dict[type[StyleGraph], StyleGraph] = {}

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
        return tuple(features), _on_cpu(statistics)

    def decode(self, features: Features, content: Tensor, target: Tensor) -> Tensor:
        """See `Runtime`."""
        return _on_cpu(self._run(Decode, content, target, *features)[0])

    def render(
        self, image: Tensor, style: Tensor, alpha: Tensor, weight: Tensor | None = None
    ) -> Tensor:
        """See `Runtime`."""
        return _on_cpu(self.render_there(image, style, alpha, weight))

    def render_there(
        self, image: Tensor, style: Tensor, alpha: Tensor, weight: Tensor | None = None
    ) -> Tensor:
        """`render`, whose result stays on the device; the inputs may be there too."""
        if weight is None:
            return self._run(Render, image, style, alpha)[0]
        return self._run(WeightedRender, image, weight, style, alpha)[0]

    def render_tile(self, image: Tensor, content: Tensor, target: Tensor) -> Tensor:
        """See `Runtime`."""
        return _on_cpu(self._run(RenderTile, image, content, target)[0])

    def _run(self, kind: type[StyleGraph], *inputs: Tensor) -> list[Tensor]:
        part = self._parts.get(kind)
        if part is None:
            part = self._parts[kind] = kind(self._network).eval()
        return _run(self._graphs, part, inputs, self._dtype, self._extra_bytes)


class CudaFeedForward:
    """Runs a network of one style, a copy of `network`. See `FeedForwardRuntime` and `CudaRuntime`."""

    def __init__(
        self,
        network: JohnsonNetwork,
        device: str = "cuda",
        *,
        half: bool = True,
        memory_mb: int = _MEMORY_MB,
        graphs: RecordedGraphs | None = None,
    ) -> None:
        self.device = device
        placed: JohnsonNetwork = _placed(network, device)
        self._dtype = torch.float32
        if half and _half_is_close(placed, device):
            placed.half()
            self._dtype = torch.float16
        self.name = _name(self._dtype)
        self._part = FeedForward(placed).eval()
        self._graphs = graphs or graphs_of(device)
        self._extra_bytes = memory_mb * 1_000_000

    def run(self, image: Tensor) -> Tensor:
        """See `FeedForwardRuntime`."""
        return _on_cpu(self.run_there(image))

    def run_there(self, image: Tensor) -> Tensor:
        """`run`, whose result stays on the device; the input may be there too."""
        inputs = (mirrored(image),)
        (output,) = _run(self._graphs, self._part, inputs, self._dtype, self._extra_bytes)
        return output[:, :, : image.shape[2], : image.shape[3]]


def _placed(network: nn.Module, device: str) -> Any:
    """A copy on the device: the caller may train the original, or render with it on the CPU."""
    placed = copy.deepcopy(network).eval().to(device)
    return placed.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _run(
    graphs: RecordedGraphs, part: Graph, inputs: tuple[Tensor, ...], dtype: torch.dtype, extra: int
) -> list[Tensor]:
    """The outputs of a part of a network; images are given in `dtype`, statistics as they are."""
    images = (value.to(dtype) if _is_image(value) else value for value in inputs)
    return graphs.run(part, *images, extra_bytes=extra)


def _is_image(value: Tensor) -> bool:
    return value.dim() == 4 and value.shape[1] == 3


def _on_cpu(value: Tensor) -> Tensor:
    """`value` in single precision on the CPU."""
    # A copy that does not block goes to pinned memory, which is several times as fast.
    moved = value.to("cpu", non_blocking=True)
    if value.is_cuda:
        torch.cuda.current_stream(value.device).synchronize()
    return moved.float()


def _name(dtype: torch.dtype) -> str:
    return "torch fp16" if dtype == torch.float16 else "torch"


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
