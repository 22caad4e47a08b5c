"""Parity: how far a device is from the CPU in single precision, for every bundled network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.gpu.clock import is_cuda
from bench.gpu.pictures import drawn_images, network_names, open_by_name
from nst_core.networks.johnson import JohnsonNetwork

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
#: Largest accepted difference in levels of 255, by precision; bf16 is only reported.
LIMITS = {"fp32": 0.5, "fp16": 1.5}
#: A CPU emulates these in minutes, so they are left out there.
_SLOW_ON_CPU = {("full", "fp16"), ("johnson", "fp16")}


@dataclass(frozen=True, kw_only=True)
class Parity:
    """Largest difference of a network's picture to that of the CPU, in levels of 255."""

    network: str
    precision: str
    levels: float
    ok: bool


def compare(device: str, *, side: int, all_tuned: bool) -> Iterator[Parity]:
    """Compare every network at `side` pixels in each precision."""
    for name in network_names(all_tuned=all_tuned):
        expected = painted(name, "cpu", torch.float32, side)
        for precision, dtype in DTYPES.items():
            if not is_cuda(device) and (name, precision) in _SLOW_ON_CPU:
                continue
            output = painted(name, device, dtype, side)
            levels = float((output - expected).abs().max()) * 255
            good = bool(output.isfinite().all()) and levels <= LIMITS.get(precision, 255.0)
            yield Parity(network=name, precision=precision, levels=round(levels, 3), ok=good)


@torch.inference_mode()
def painted(name: str, device: str, dtype: torch.dtype, side: int) -> Tensor:
    """The picture (1, 3, side, side) on the CPU that the whole network gives in `dtype`."""
    network = open_by_name(name).to(device, dtype)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    content, style = (image.to(device, dtype) for image in _pair(side))
    if isinstance(network, JohnsonNetwork):
        output: Tensor = network(content)
        return output.float().cpu()
    target = network.tuned_style
    if target is None:
        target = network.statistics(network.encode(style))
    features = network.encode(content)
    measured = network.statistics(features)
    return network.decode(features, measured, target.to(measured)).float().cpu()


def _pair(side: int) -> Sequence[Tensor]:
    return torch.split(drawn_images(2, side), 1)
