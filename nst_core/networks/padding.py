"""Padding of feature maps by reflection or replication, in the form that suits the device.

On CUDA, PyTorch's own padding adds up gradients with atomic operations: slow in half precision, and not
in a fixed order. Concatenated slices give the same values, keep channels-last order, which tensor cores
want, and need no atomic operations.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def reflection_padded(x: Tensor, border: int = 1) -> Tensor:
    """(B, C, H, W) → (B, C, H + 2·border, W + 2·border); sides are longer than `border`."""
    if x.is_cuda:
        return reflected_by_slices(x, border)
    return functional.pad(x, (border,) * 4, mode="reflect")


def replication_padded(x: Tensor) -> Tensor:
    """(B, C, H, W) → (B, C, H + 2, W + 2), the outermost pixels repeated."""
    if x.is_cuda:
        return replicated_by_slices(x)
    return functional.pad(x, (1, 1, 1, 1), mode="replicate")


def reflected_by_slices(x: Tensor, border: int = 1) -> Tensor:
    """`reflection_padded` by slices, on any device."""
    for axis in (2, 3):
        length = x.shape[axis]
        before, after = x.narrow(axis, 1, border), x.narrow(axis, length - border - 1, border)
        if border > 1:
            before, after = before.flip(axis), after.flip(axis)
        x = torch.cat([before, x, after], axis)
    return x


def replicated_by_slices(x: Tensor) -> Tensor:
    """`replication_padded` by slices, on any device."""
    for axis in (2, 3):
        x = torch.cat([x.narrow(axis, 0, 1), x, x.narrow(axis, x.shape[axis] - 1, 1)], axis)
    return x
