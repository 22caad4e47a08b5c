"""Stroke width as a share of the picture, independent of the size of the result.

A network renders strokes of a fixed number of pixels. For a width relative to the picture, the picture
is rendered at a *working size* that depends on the relative width only. A larger result is rendered at
its own size too, but only the detail that the working size can't represent is used from there: reduced
to the working size, the result equals the rendering at the working size.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate


def shrink(painted: Tensor, height: int, width: int) -> Tensor:
    """Reduce (1, 3, H, W) with antialiasing."""
    return interpolate(painted, (height, width), mode="bilinear", antialias=True)


@torch.inference_mode()
def with_strokes(fine: Tensor, broad: Tensor) -> Tensor:
    """`fine` (1, 3, H, W) with its low frequencies replaced by the smaller `broad` (1, 3, h, w).

    Works in place on `fine`.
    """
    difference = broad - shrink(fine, *broad.shape[2:])
    return fine.add_(interpolate(difference, fine.shape[2:], mode="bicubic"))
