"""Dead units of slim, and how they are put to use again.

A unit behind a ReLU is dead if its input is negative for every picture: it is always 0 and gets no
gradient (Lu et al., "Dying ReLU and Initialization", 2019). A training at a high rate leaves many. Here
each gets new incoming weights, and outgoing weights of 0. As in Net2Net (Chen et al., ICLR 2016) the
network computes what it did before, and a further training can use all of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from nst_core.networks.adain import adaptive_instance_normalization
from nst_core.networks.slim import ReflectConv, SlimAdaIN

#: Activations up to this are 0.
_ZERO = 1e-6
#: Least deviation of a statistic that the new weights of FiLM are scaled by.
_LEAST_DEVIATION = 0.02


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """What a convolution saw: the largest input by channel, and the mean of its output by channel."""

    largest: Tensor
    mean: Tensor


def widened(network: SlimAdaIN, code_width: int) -> SlimAdaIN:
    """An equal network with `code_width` hidden units in FiLM; the new ones are dead.

    Raises `ValueError` if it has more already.
    """
    if code_width < network.code_width:
        raise ValueError(f"The network has {network.code_width} hidden units already.")
    wide = SlimAdaIN(**{**network.settings, "code_width": code_width})  # type: ignore[arg-type]
    for name, value in network.state_dict().items():
        target = wide.state_dict()[name]
        target.zero_()
        target[tuple(slice(length) for length in value.shape)] = value
    wide.noise = network.noise
    return wide.eval()


@torch.no_grad()
def revive(network: SlimAdaIN, contents: Tensor, styles: Tensor, *, seed: int = 0) -> dict[str, int]:
    """Give the dead units of `network` new weights, in place; returns their number by layer.

    `contents` (B, 3, H, W) and `styles` (N, 3, H, W) decide which units are dead: all contents are
    rendered in all styles. A few dozen varied pictures are enough.
    """
    random = torch.Generator().manual_seed(seed)
    found = {}

    def seen() -> Mapping[str, _Seen]:
        return _observed(network, contents, styles)

    dead = _dead(seen()["encode_eighth"])
    network.encode_eighth.weight[:, dead] = 0
    _restart(network.down_eighth, dead, random)
    _center(network.down_eighth, dead, seen()["down_eighth"])
    found["down_eighth"] = len(dead)

    # What leaves the encoder is also the stream that both residual blocks add to, so a channel is free
    # only if nothing reads it.
    now, first = seen(), network.middle[0] if network.blocks else network.up_quarter
    name = "middle.0" if network.blocks else "up_quarter"
    assert isinstance(first, ReflectConv)  # noqa: S101 - for mypy
    free = torch.nonzero((now[name].largest <= _ZERO) & (now["up_quarter"].largest <= _ZERO))[:, 0]
    for reader in (*network.middle, network.up_quarter):
        reader.weight[:, free] = 0
    code: nn.Linear = network.film[0]  # type: ignore[assignment]
    start = network.statistics_width - 2 * network.widths[2]
    for offset in (start, start + network.widths[2]):
        code.weight[:, offset + free] = 0
    _restart(network.encode_eighth, free, random)
    _center(network.encode_eighth, free, seen()["encode_eighth"])
    found["encode_eighth"] = len(free)

    for block in range(network.blocks):
        into, out = network.middle[block], network.middle_out[block]
        assert isinstance(into, ReflectConv)  # noqa: S101 - for mypy
        dead = _dead(seen()[f"middle_out.{block}"])
        out.weight[:, dead] = 0  # type: ignore[operator]
        _restart(into, dead, random)
        _clear_film(network, 2 * block, dead)
        _center(into, dead, seen()[f"middle.{block}"])
        found[f"middle.{block}"] = len(dead)

    dead = _dead(seen()["up_quarter"])
    network.up_quarter.weight[:, dead] = 0
    if network.blocks:
        last: nn.Linear = network.film[2]  # type: ignore[assignment]
        shifts = _film_rows(network, 2 * network.blocks - 1)[1]
        last.bias[shifts + dead] -= _stream_mean(network, contents, styles)[dead]
    found["up_quarter"] = len(dead)

    found["film"] = _revive_film(network, contents, styles, random)
    return found


def _observed(network: SlimAdaIN, contents: Tensor, styles: Tensor) -> dict[str, _Seen]:
    """What each convolution saw while all contents were rendered in all styles."""
    inputs: dict[str, list[Tensor]] = {}
    outputs: dict[str, list[Tensor]] = {}

    def listen(name: str, module: nn.Module) -> torch.utils.hooks.RemovableHandle:
        def heard(_module: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> None:
            inputs.setdefault(name, []).append(given[0].abs().amax((0, 2, 3)))
            outputs.setdefault(name, []).append(out.mean((0, 2, 3)))

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
    return {
        name: _Seen(largest=torch.stack(each).amax(0), mean=torch.stack(outputs[name]).mean(0))
        for name, each in inputs.items()
    }


def _dead(seen: _Seen) -> Tensor:
    """Numbers of the input channels that are always 0."""
    return torch.nonzero(seen.largest <= _ZERO)[:, 0]


def _restart(convolution: ReflectConv, rows: Tensor, random: torch.Generator) -> None:
    """New random weights for some output channels, as of a new network."""
    new = torch.empty_like(convolution.weight)
    nn.init.kaiming_normal_(new, nonlinearity="relu", generator=random)
    convolution.weight[rows] = new[rows]
    convolution.bias[rows] = 0  # type: ignore[index]


def _center(convolution: ReflectConv, rows: Tensor, seen: _Seen) -> None:
    """Move the bias of some output channels so that their mean is 0: about half of the places pass."""
    convolution.bias[rows] -= seen.mean[rows]  # type: ignore[index]


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


def _stream_mean(network: SlimAdaIN, contents: Tensor, styles: Tensor) -> Tensor:
    """Mean by channel of what the ReLU before the first upsampling sees, over all pairs."""
    means = []
    for style in _one_by_one(styles):
        target = network.statistics(network.encode(style))
        for content in _one_by_one(contents):
            features = network.encode(content)
            own, theirs = (network.split(each)[-1] for each in (network.statistics(features), target))
            eighth = adaptive_instance_normalization(features[-1], *own, *theirs)
            films = iter(network.films(network.modulation(target)))
            means.append(network.stream(eighth, films).mean((0, 2, 3)))
    return torch.stack(means).mean(0)


def _revive_film(network: SlimAdaIN, contents: Tensor, styles: Tensor, random: torch.Generator) -> int:
    """Revive the hidden units of FiLM, which read the statistics of styles; returns their number."""
    first: nn.Linear = network.film[0]  # type: ignore[assignment]
    last: nn.Linear = network.film[2]  # type: ignore[assignment]
    seen = _statistics(network, [*_one_by_one(contents), *_one_by_one(styles)])
    dead = torch.nonzero(functional.relu(first(seen)).amax(0) <= _ZERO)[:, 0]
    center, deviation = seen.mean(0), seen.std(0).clamp_min(_LEAST_DEVIATION)
    width = seen.shape[1]
    new = torch.randn(len(dead), width, generator=random) / deviation / width**0.5
    first.weight[dead] = new
    first.bias[dead] = -(new @ center)
    last.weight[:, dead] = 0
    return len(dead)


def _statistics(network: SlimAdaIN, pictures: Iterable[Tensor]) -> Tensor:
    return torch.cat([network.statistics(network.encode(picture)) for picture in pictures])


def _one_by_one(pictures: Tensor) -> list[Tensor]:
    """Batches of one picture each, (1, 3, H, W)."""
    return [pictures[number : number + 1] for number in range(len(pictures))]
