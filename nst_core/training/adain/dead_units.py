"""Dead units of slim, and how they are put to use again.

A unit behind a ReLU is dead if its input is negative for every picture: it is always 0 and gets no
gradient (Lu et al., "Dying ReLU and Initialization", 2019). A training at a high rate leaves many. Here
each gets new incoming weights, and outgoing weights of 0. As in Net2Net (Chen et al., ICLR 2016) the
network computes what it did before, and a further training can use all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from nst_core.networks.adain import adaptive_instance_normalization
from nst_core.networks.slim import ReflectConv, SlimAdaIN

#: Activations up to this are 0.
_ZERO = 1e-6
#: Least deviation of a statistic that the new weights of FiLM are scaled by.
_LEAST_DEVIATION = 0.02


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """What a convolution saw, by channel: the largest input, the largest and the mean output."""

    largest: Tensor
    largest_output: Tensor
    mean_output: Tensor


_Observe = Callable[[], Mapping[str, _Seen]]


@torch.no_grad()
def revive(network: SlimAdaIN, contents: Tensor, styles: Tensor, *, seed: int = 0) -> dict[str, int]:
    """Give the dead units of `network` new weights, in place; returns their number by layer.

    `contents` (B, 3, H, W) and `styles` (N, 3, H, W) decide which units are dead: all contents are
    rendered in all styles. A few dozen varied pictures are enough.
    """
    random = torch.Generator().manual_seed(seed)
    observe = partial(_observed, network, contents, styles)
    found = {
        "down_eighth": _revive_down_eighth(network, observe, random),
        "encode_eighth": _revive_encode_eighth(network, observe, random),
    }
    for block in range(network.blocks):
        found[f"middle.{block}"] = _revive_block(network, block, observe, random)
    found["up_quarter"] = _revive_up_quarter(network, contents, styles, observe)
    found["film"] = _revive_film(network, contents, styles, random)
    return found


def _revive_down_eighth(network: SlimAdaIN, observe: _Observe, random: torch.Generator) -> int:
    dead = _dead(observe()["encode_eighth"].largest)
    network.encode_eighth.weight[:, dead] = 0
    _restart(network.down_eighth, dead, random)
    _center(network.down_eighth, dead, observe()["down_eighth"])
    return len(dead)


def _revive_encode_eighth(network: SlimAdaIN, observe: _Observe, random: torch.Generator) -> int:
    """Revive channels of the deepest features.

    The residual blocks add to these channels, so one is free only if the decoder does not use the sum.
    """
    seen = observe()
    unused = torch.maximum(seen["encode_eighth"].largest_output, seen["up_quarter"].largest)
    dead = _dead(unused)
    for reader in (*network.middle, network.up_quarter):
        reader.weight[:, dead] = 0
    first: nn.Linear = network.film[0]  # type: ignore[assignment]
    start = network.statistics_width - 2 * network.widths[2]
    for offset in (start, start + network.widths[2]):
        first.weight[:, offset + dead] = 0
    _restart(network.encode_eighth, dead, random)
    _center(network.encode_eighth, dead, observe()["encode_eighth"])
    return len(dead)


def _revive_block(network: SlimAdaIN, block: int, observe: _Observe, random: torch.Generator) -> int:
    """Revive the units between the two convolutions of a residual block."""
    into, out = network.middle[block], network.middle_out[block]
    assert isinstance(into, ReflectConv)  # noqa: S101 - for mypy
    dead = _dead(observe()[f"middle_out.{block}"].largest)
    out.weight[:, dead] = 0  # type: ignore[operator]
    _restart(into, dead, random)
    _clear_film(network, 2 * block, dead)
    _center(into, dead, observe()[f"middle.{block}"])
    return len(dead)


def _revive_up_quarter(network: SlimAdaIN, contents: Tensor, styles: Tensor, observe: _Observe) -> int:
    """Shift channels that the ReLU after the residual blocks always stops: their mean becomes 0."""
    dead = _dead(observe()["up_quarter"].largest)
    network.up_quarter.weight[:, dead] = 0
    if network.blocks:
        last: nn.Linear = network.film[2]  # type: ignore[assignment]
        shifts = _film_rows(network, 2 * network.blocks - 1)[1]
        last.bias[shifts + dead] -= _residual_mean(network, contents, styles)[dead]
    return len(dead)


def _observed(network: SlimAdaIN, contents: Tensor, styles: Tensor) -> dict[str, _Seen]:
    """What each convolution saw while all contents were rendered in all styles."""
    inputs: dict[str, list[Tensor]] = {}
    outputs: dict[str, list[tuple[Tensor, Tensor]]] = {}

    def listen(name: str, module: nn.Module) -> torch.utils.hooks.RemovableHandle:
        def heard(_module: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> None:
            inputs.setdefault(name, []).append(given[0].abs().amax((0, 2, 3)))
            outputs.setdefault(name, []).append((out.amax((0, 2, 3)), out.mean((0, 2, 3))))

        return module.register_forward_hook(heard)

    handles = [
        listen(name, module)
        for name, module in network.named_modules()
        if isinstance(module, ReflectConv)
    ]
    try:
        for style in _one_by_one(styles):
            target = network.statistics(network.encode(style))
            for content in _one_by_one(contents):
                network(content, target)
    finally:
        for handle in handles:
            handle.remove()
    found = {}
    for name, each in inputs.items():
        largest, means = (torch.stack(part) for part in zip(*outputs[name], strict=True))
        found[name] = _Seen(
            largest=torch.stack(each).amax(0), largest_output=largest.amax(0), mean_output=means.mean(0)
        )
    return found


def _dead(largest: Tensor) -> Tensor:
    """Numbers of the channels that are never above 0."""
    return torch.nonzero(largest <= _ZERO)[:, 0]


def _restart(convolution: ReflectConv, rows: Tensor, random: torch.Generator) -> None:
    """New random weights for some output channels, as of a new network."""
    new = torch.empty_like(convolution.weight)
    nn.init.kaiming_normal_(new, nonlinearity="relu", generator=random)
    convolution.weight[rows] = new[rows]
    convolution.bias[rows] = 0  # type: ignore[index]


def _center(convolution: ReflectConv, rows: Tensor, seen: _Seen) -> None:
    """Move the bias of some output channels so that their mean is 0: about half of the places pass."""
    convolution.bias[rows] -= seen.mean_output[rows]  # type: ignore[index]


def _clear_film(network: SlimAdaIN, convolution: int, rows: Tensor) -> None:
    """A gain of 1 and a shift of 0 for some output channels of a convolution of the decoder."""
    last: nn.Linear = network.film[2]  # type: ignore[assignment]
    for start in _film_rows(network, convolution):
        last.weight[start + rows] = 0
        last.bias[start + rows] = 0


def _film_rows(network: SlimAdaIN, convolution: int) -> tuple[int, int]:
    """Numbers of the outputs of FiLM that are the first gain and the first shift of a convolution."""
    before = 2 * sum(network.film_widths[:convolution])
    return before, before + network.film_widths[convolution]


def _residual_mean(network: SlimAdaIN, contents: Tensor, styles: Tensor) -> Tensor:
    """Mean by channel of what the ReLU before the first upsampling sees, over all pairs."""
    means = []
    for style in _one_by_one(styles):
        target = network.statistics(network.encode(style))
        for content in _one_by_one(contents):
            features = network.encode(content)
            own, theirs = (network.split(each)[-1] for each in (network.statistics(features), target))
            eighth = adaptive_instance_normalization(features[-1], *own, *theirs)
            films = iter(network.films(network.modulation(target)))
            means.append(network.residual_blocks(eighth, films).mean((0, 2, 3)))
    return torch.stack(means).mean(0)


def _revive_film(network: SlimAdaIN, contents: Tensor, styles: Tensor, random: torch.Generator) -> int:
    """Revive the hidden units of FiLM, which read the statistics of styles; returns their number."""
    first: nn.Linear = network.film[0]  # type: ignore[assignment]
    last: nn.Linear = network.film[2]  # type: ignore[assignment]
    pictures = [*_one_by_one(contents), *_one_by_one(styles)]
    seen = torch.cat([network.statistics(network.encode(picture)) for picture in pictures])
    dead = _dead(first(seen).amax(0))
    center, deviation = seen.mean(0), seen.std(0).clamp_min(_LEAST_DEVIATION)
    width = seen.shape[1]
    new = torch.randn(len(dead), width, generator=random) / deviation / width**0.5
    first.weight[dead] = new
    first.bias[dead] = -(new @ center)
    last.weight[:, dead] = 0
    return len(dead)


def _one_by_one(pictures: Tensor) -> list[Tensor]:
    """Batches of one picture each, (1, 3, H, W)."""
    return [pictures[number : number + 1] for number in range(len(pictures))]
