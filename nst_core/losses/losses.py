"""Losses on VGG features, as means over the batch.

The relative forms are divided by the target's own energy, so that one weight means the same for every
style, layer and network.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from nst_core.networks.adain import EPSILON, channel_statistics

#: VGG layers of AdaIN's style loss.
ADAIN_STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
#: VGG layer of AdaIN's content loss.
CONTENT_LAYER = "relu4_1"
#: Layers of Johnson et al.'s style loss.
GRAM_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")

Moments = dict[str, tuple[Tensor, Tensor]]


def instance_normalized(features: Tensor) -> Tensor:
    """(B, C, H, W) with zero mean and unit deviation per channel: structure without colour."""
    mean, deviation = channel_statistics(features)
    return (features - mean[:, :, None, None]) / deviation[:, :, None, None]


def structure_distance(features: Tensor, target: Tensor) -> Tensor:
    """Relative squared distance of instance-normalised features; 0 is equal, 2 is unrelated.

    `target` is instance-normalised already. Returns (B,).
    """
    difference = instance_normalized(features) - target
    return difference.square().sum((1, 2, 3)) / target.square().sum((1, 2, 3)).clamp_min(EPSILON)


class _ChannelStatistics(torch.autograd.Function):
    """`channel_statistics` with its gradient in one pass over memory.

    Autograd's own chain makes six passes over the largest maps of VGG, a third of a training step. On a
    CPU, `torch.var_mean` takes four times as long as two plain means.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> tuple[Tensor, Tensor]:
        places = _places(features)
        mean = places.mean(1)
        variance = (places - mean[:, None]).square_().mean(1)
        deviation = (variance + EPSILON).sqrt()
        ctx.save_for_backward(features, mean, deviation)
        return mean, deviation

    @staticmethod
    def backward(ctx: Any, mean_grad: Tensor, deviation_grad: Tensor) -> Tensor:
        features, mean, deviation = ctx.saved_tensors
        pixels = features.shape[2] * features.shape[3]
        slope = deviation_grad / (deviation * pixels)
        offset = mean_grad / pixels - slope * mean
        return torch.addcmul(offset[:, :, None, None], features, slope[:, :, None, None])


def moments(features: Mapping[str, Tensor]) -> Moments:
    """Mean and deviation, (B, C) each, by layer name; in single precision even of half."""
    return {
        name: _ChannelStatistics.apply(  # type: ignore[no-untyped-call]
            value.float() if value.element_size() < 4 else value
        )
        for name, value in features.items()
    }


def moment_distance(moments: Moments, target: Moments) -> Tensor:
    """Mean over layers of the relative squared distance of means and deviations. Returns (B,).

    The style loss of Huang & Belongie (2017, equation 13), made relative.
    """
    terms = []
    for name, (target_mean, target_deviation) in target.items():
        mean, deviation = moments[name]
        distance = (mean - target_mean).square().sum(1)
        distance = distance + (deviation - target_deviation).square().sum(1)
        energy = target_mean.square().sum(1) + target_deviation.square().sum(1)
        terms.append(distance / energy.clamp_min(EPSILON))
    return torch.stack(terms).mean(0)


class _GramMatrix(torch.autograd.Function):
    """`gram_matrix` with one matrix product as its gradient, in the memory format of the features.

    Autograd's own takes two products and several copies: twice the time on a CPU.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        ctx.save_for_backward(features)
        places = _places(features)
        product = places.mT @ places
        if product.element_size() < 4:  # distances of half-precision matrices would be mostly rounding
            product = product.float()
        return product / features[0].numel()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (features,) = ctx.saved_tensors
        batch, channels, height, width = features.shape
        both = ((grad + grad.mT) / features[0].numel()).to(features.dtype)
        product: Tensor
        if features.is_contiguous():
            product = both @ features.flatten(2)
            return product.reshape(features.shape)
        product = _places(features) @ both
        return product.reshape(batch, height, width, channels).permute(0, 3, 1, 2)


def gram_matrix(features: Tensor) -> Tensor:
    """`F Fᵀ / (C·H·W)`, (B, C, H, W) → (B, C, C) (Johnson et al. 2016, equation 3)."""
    gram: Tensor = _GramMatrix.apply(features)  # type: ignore[no-untyped-call]
    return gram


def _places(features: Tensor) -> Tensor:
    """(B, C, H, W) → (B, H·W, C), a view of contiguous and channels-last features."""
    return features.flatten(2).mT


def gram_distance(grams: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> Tensor:
    """Mean over layers of the relative squared distance of Gram matrices. Returns (B,)."""
    terms = [
        (grams[name] - matrix).square().sum((1, 2)) / matrix.square().sum((1, 2))
        for name, matrix in target.items()
    ]
    return torch.stack(terms).mean(0)


def total_variation(image: Tensor) -> Tensor:
    """Mean squared difference of neighbouring pixels of (B, 3, H, W)."""
    down = (image[:, :, 1:] - image[:, :, :-1]).square().mean()
    right = (image[:, :, :, 1:] - image[:, :, :, :-1]).square().mean()
    return down + right


def out_of_range(image: Tensor) -> Tensor:
    """Mean squared distance of pixels from [0, 1], which clamping would hide from the other losses."""
    return (image - image.clamp(0, 1)).square().mean()
