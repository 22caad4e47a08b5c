"""Adaptive instance normalisation (Huang & Belongie, ICCV 2017)."""

from __future__ import annotations

import torch
from torch import Tensor

#: Added to variances so that the square root is differentiable on flat channels; far below the variance
#: of any picture.
EPSILON = 1e-5


def channel_statistics(features: Tensor, weight: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation over space: (B, C, H, W) → two (B, C).

    The population deviation (divided by H·W), because it can be merged from tiles. `weight` (B, 1, H,
    W) is the share of each position that counts. In single precision even for half-precision features:
    shares of a large map are below what half precision can hold.
    """
    if features.element_size() < 4:
        features = features.float()
    if weight is None:
        variance, mean = torch.var_mean(features, dim=(2, 3), correction=0)
        return mean, (variance + EPSILON).sqrt()
    share = weight / weight.sum((2, 3), keepdim=True)
    mean = (features * share).sum((2, 3), keepdim=True)
    variance = ((features - mean).square() * share).sum((2, 3))
    return mean[:, :, 0, 0], (variance + EPSILON).sqrt()


def adaptive_instance_normalization(
    features: Tensor, mean: Tensor, deviation: Tensor, target_mean: Tensor, target_deviation: Tensor
) -> Tensor:
    """Replace the statistics of `features` by the target's (section 5, equation 8 of the paper).

    `features` is (B, C, H, W); the four statistics broadcast against it, usually (B, C, 1, 1). Written
    as one multiply-add with a per-channel factor, which runtimes fuse into their neighbours. With
    half-precision features and statistics in single precision, the result is rounded only once.
    """
    scale = target_deviation / deviation
    return as_precise_as(features * scale + (target_mean - mean * scale), features)


def as_precise_as(value: Tensor, other: Tensor) -> Tensor:
    """`value` in the type of `other`; itself if the types are equal, so that nothing is traced."""
    return value if value.dtype == other.dtype else value.to(other.dtype)
