"""Strokes as a share of the picture, the same at every size of the result.

A network paints strokes of a fixed number of pixels. To have them at a share of the frame instead, the
picture is painted at a *working size* that depends on that share alone. A larger result is painted at
its own size too, and takes from there only what is finer than the working size can hold: shrunk to the
working size, it is the painting that was made there.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate

#: Stroke 1 is what the network paints on a picture of so many pixels on its longer side.
REFERENCE_SIDE = 1_024
#: The finest and the broadest strokes: working sizes of 2048 and 128 pixels.
FINEST, BROADEST = 0.5, 8.0


def working_side(stroke: float) -> int:
    """The longer side, in pixels, at which strokes of the relative width `stroke` are painted."""
    return round(REFERENCE_SIDE / stroke)


def longest_side(size: int | None, stroke: float | None) -> int | None:
    """The longest side at which a content will be used; None is its own. Decoders that shrink ask."""
    if size is None or stroke is None:
        return size
    return max(size, working_side(stroke))


def shrink(painted: Tensor, height: int, width: int) -> Tensor:
    """(1, 3, H, W) at a smaller size, each pixel the weighted mean of those that it covers."""
    return interpolate(painted, (height, width), mode="bilinear", antialias=True)


@torch.inference_mode()
def with_strokes(fine: Tensor, broad: Tensor) -> Tensor:
    """`fine` (1, 3, H, W) with all that the smaller `broad` (1, 3, h, w) can hold replaced by it.

    Works in place on `fine`.
    """
    difference = broad - shrink(fine, *broad.shape[2:])
    return fine.add_(interpolate(difference, fine.shape[2:], mode="bicubic"))
