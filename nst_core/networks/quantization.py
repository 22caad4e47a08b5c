"""int8 quantisation of convolutions for CPUs, after training, with ranges measured on real pictures.

Everything else (normalisation, statistics, resizing, sums) stays in single precision: quantised too, it
costs 15 dB. Weights are symmetric per output channel and use 7 of the 8 bits, because processors
without VNNI add pairs of products in 16 bits and would saturate; inputs are 8 bits per tensor.

A quantised network is a `StyleNetwork` too. In PyTorch its convolutions round to 256 levels and compute
in floats, which is the reference; OpenVINO recognises the rounding in the graph and computes in
integers.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from nst_core.networks.base import StyleNetwork
from nst_core.networks.slim import UpsamplingHead

#: Convolution → smallest and largest representable input.
Ranges = dict[str, tuple[float, float]]

_LEVELS = 255
_WEIGHT_LEVELS = 63
#: Number of values sampled from each convolution's input, for each picture.
_SAMPLES = 20_000


class QuantizedConv(nn.Module):
    """A convolution whose input and weights are rounded to 256 and 127 levels."""

    def __init__(self, convolution: nn.Conv2d, low: float, high: float) -> None:
        super().__init__()
        self.convolution = convolution
        # Zero is one of the levels, so that rectified maps keep their zeros.
        low, high = min(low, 0.0), max(high, 1e-6)
        self.scale = (high - low) / _LEVELS
        self.zero_point = round(-low / self.scale)
        weight = convolution.weight.detach()
        largest = weight.abs().amax((1, 2, 3)).clamp_min(1e-8)
        self.weight_scale: Tensor
        self.weight_zero: Tensor
        self.register_buffer("weight_scale", largest / _WEIGHT_LEVELS)
        self.register_buffer("weight_zero", torch.zeros_like(largest, dtype=torch.int32))

    def extra_repr(self) -> str:
        """The input's range, as a part of `repr`: cached graphs and fingerprints depend on it."""
        return f"scale={self.scale!r}, zero_point={self.zero_point}"

    def forward(self, x: Tensor) -> Tensor:
        """See the wrapped convolution."""
        wrapped = self.convolution
        x = torch.fake_quantize_per_tensor_affine(x, self.scale, self.zero_point, 0, _LEVELS)
        # 256 levels in name, the only number that OpenVINO accepts; the scale uses half of them.
        weight = torch.fake_quantize_per_channel_affine(
            wrapped.weight, self.weight_scale, self.weight_zero, 0, -128, 127
        )
        padding: Any = wrapped.padding
        if wrapped.padding_mode != "zeros":
            top, left = padding
            x = functional.pad(x, (left, left, top, top), mode=wrapped.padding_mode)
            padding = 0
        return functional.conv2d(x, weight, wrapped.bias, wrapped.stride, padding)


def _unfolded(network: StyleNetwork) -> StyleNetwork:
    """A copy with plain convolutions in place of `UpsamplingHead`."""
    network = copy.deepcopy(network).float().cpu().eval()
    for name, module in list(network.named_modules()):
        if isinstance(module, UpsamplingHead):
            network.set_submodule(name, module.unfolded())
    return network


def _convolutions(network: StyleNetwork) -> dict[str, nn.Conv2d]:
    return {name: part for name, part in network.named_modules() if isinstance(part, nn.Conv2d)}


def quantize(network: StyleNetwork, ranges: Mapping[str, tuple[float, float]]) -> StyleNetwork:
    """A copy of `network` with the convolutions named in `ranges` in int8; the others are unchanged.

    Raises `KeyError` for a name that is none of its convolutions.
    """
    quantized = _unfolded(network)
    convolutions = _convolutions(quantized)
    for name, (low, high) in ranges.items():
        quantized.set_submodule(name, QuantizedConv(convolutions[name], low, high))
    return quantized.eval()


@dataclass
class _InputSample:
    """Sampled input values of one convolution."""

    samples: list[Tensor] = field(default_factory=list)

    def add(self, values: Tensor) -> None:
        flat = values.flatten()
        step = max(1, flat.numel() // _SAMPLES)
        self.samples.append(flat[::step].clone())
        # Minimum and maximum decide the range, and sampling would miss them.
        self.samples.append(torch.stack([flat.min(), flat.max()]))

    def range(self) -> tuple[float, float]:
        """The range with the smallest mean squared error of rounding and clipping."""
        values = torch.cat(self.samples)
        low, high = min(float(values.min()), 0.0), float(values.max())
        best, least = (low, high), float("inf")
        for share in torch.linspace(0.3, 1, 29).tolist():
            scale = max((high - low) * share / _LEVELS, 1e-8)
            zero = round(-low * share / scale)
            rounded = torch.fake_quantize_per_tensor_affine(values, scale, zero, 0, _LEVELS)
            error = float((rounded - values).square().mean())
            if error < least:
                best, least = (low * share, high * share), error
        return best


@torch.inference_mode()
def calibrate(network: StyleNetwork, pairs: Iterable[tuple[Tensor, Tensor]]) -> Ranges:
    """Ranges for every convolution, from pairs of a content and a style, (1, 3, H, W) each.

    A few dozen real photographs in many styles are enough; noise is not (it has other ranges).
    """
    plain = _unfolded(network)
    samples = {name: _InputSample() for name in _convolutions(plain)}
    for name, part in _convolutions(plain).items():
        part.register_forward_pre_hook(lambda module, inputs, name=name: samples[name].add(inputs[0]))
    for content, style in pairs:
        target = plain.statistics(plain.encode(style))
        features = plain.encode(content)
        plain.decode(features, plain.statistics(features), target)
    return {name: values.range() for name, values in samples.items()}
