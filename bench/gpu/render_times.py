"""Times and memory of renders on a device: plain PyTorch, and the runtime of this package."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from bench.gpu.clock import is_cuda, milliseconds, peak_megabytes
from bench.gpu.pictures import JOHNSON, drawn_images, drawn_picture, open_by_name
from bench.gpu.settings import settings
from nst_core.networks.base import StyleNetwork
from nst_core.networks.johnson import JohnsonNetwork
from nst_core.runtimes.cuda import CudaFeedForward, CudaRuntime
from nst_core.runtimes.pytorch import TorchFeedForward, TorchRuntime
from nst_core.runtimes.recorded_graphs import graphs_of
from nst_core.stylize.request import RenderRequest
from nst_core.stylize.style_engine import StyleEngine

#: Meaning and unit of each measurement. Pictures have `Sizes.side` pixels unless it says otherwise.
MEASUREMENTS = {
    "eager_fp32": ("one picture, plain PyTorch in fp32", "ms"),
    "runtime": ("one picture, the runtime in fp16, with both transfers", "ms"),
    "engine": ("one picture, `StyleEngine`, pixels to pixels", "ms"),
    "graph_fp32": ("one picture, recorded, fp32, on the card", "ms"),
    "graph_fp16": ("one picture, recorded, fp16, on the card", "ms"),
    "large_fp16": ("one picture of twice the side, fp16, on the card", "ms"),
    "batch_fp32": ("a batch at once, fp32, on the card", "ms"),
    "batch_fp16": ("a batch at once, fp16, on the card", "ms"),
    "memory_fp32": ("peak memory, one picture of twice the side, fp32", "MB"),
    "memory_fp16": ("peak memory, one picture of twice the side, fp16", "MB"),
}
#: Memory that a pass may take here, in MB: enough for every measurement.
_MEMORY_MB = 40_000


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Side in pixels, pictures of a batch, and timed rounds."""

    side: int
    batch: int
    rounds: int


#: On a card, and to run through all of it on a CPU.
CARD, SMALL = Sizes(side=512, batch=32, rounds=20), Sizes(side=32, batch=2, rounds=1)


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measurement of one network; `value` is None where it can't be measured."""

    measurement: str
    network: str
    value: float | None


def measure(device: str, sizes: Sizes) -> Iterator[Figure]:
    """All measurements of slim, full and the network of one style. Half precision only on CUDA."""
    for name in ("slim", "full", JOHNSON):
        network = open_by_name(name)
        for measurement, work, is_memory in _works(network, device, sizes):
            if is_memory:
                graphs_of(device).drop()  # a replay allocates nothing, a new recording all of it
            measured = (
                peak_megabytes(work, device) if is_memory else milliseconds(work, device, sizes.rounds)
            )
            yield Figure(measurement=measurement, network=name, value=measured)


def _works(
    network: StyleNetwork | JohnsonNetwork, device: str, sizes: Sizes
) -> Iterator[tuple[str, Callable[[], object], bool]]:
    """Name and work of each measurement, and whether it is of memory instead of time."""
    one, large = drawn_images(1, sizes.side), drawn_images(1, 2 * sizes.side)
    batch = drawn_images(sizes.batch, sizes.side)
    yield "eager_fp32", _plain(network, device, one), False
    for precision, half in (("fp32", False), ("fp16", True)):
        if half and not is_cuda(device):
            continue
        runtime = _runtime(network, device, half=half)
        if half:
            yield "runtime", _rendering(runtime, one), False
            if isinstance(network, StyleNetwork) and isinstance(runtime, CudaRuntime):
                yield "engine", _engine_work(network, runtime, sizes.side), False
            yield "large_fp16", _rendering(runtime, large.to(device), there=True), False
        yield f"graph_{precision}", _rendering(runtime, one.to(device), there=True), False
        yield f"batch_{precision}", _rendering(runtime, batch.to(device), there=True), False
        yield f"memory_{precision}", _rendering(runtime, large), True


def _plain(network: StyleNetwork | JohnsonNetwork, device: str, image: Tensor) -> Callable[[], object]:
    if isinstance(network, JohnsonNetwork):
        return partial(TorchFeedForward(network, device).run, image)
    style, alpha = _style(network), torch.ones(1, 1)
    return partial(TorchRuntime(network, device).render, image, style, alpha)


def _runtime(
    network: StyleNetwork | JohnsonNetwork, device: str, *, half: bool
) -> CudaRuntime | CudaFeedForward:
    if isinstance(network, JohnsonNetwork):
        return CudaFeedForward(network, device, half=half, memory_mb=_MEMORY_MB)
    return CudaRuntime(network, device, half=half, memory_mb=_MEMORY_MB)


def _rendering(
    runtime: CudaRuntime | CudaFeedForward, images: Tensor, *, there: bool = False
) -> Callable[[], object]:
    """Renders `images`; with `there` the result stays on the device."""
    if isinstance(runtime, CudaFeedForward):
        return partial(runtime.run_there if there else runtime.run, images)
    style = torch.ones(len(images), runtime.statistics_width)
    alpha = torch.ones(len(images), 1)
    if there:
        return partial(runtime.render_there, images, style.to(images), alpha.to(images))
    return partial(runtime.render, images, style, alpha)


def _style(network: StyleNetwork) -> Tensor:
    return torch.ones(1, network.statistics_width)


def _engine_work(network: StyleNetwork, runtime: CudaRuntime, side: int) -> Callable[[], object]:
    engine = StyleEngine(network, runtime, memory_mb=_MEMORY_MB)
    request = RenderRequest(
        content=drawn_picture(side),
        style=_style(network),
        alphas=[1.0],
        settings=settings("picture"),
    )
    return partial(engine.render, [request])
