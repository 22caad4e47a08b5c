"""Keeping the content's colours: luma of one picture, chroma of another."""

from __future__ import annotations

import torch
from torch import Tensor

#: ITU-R BT.601, the luma of JPEG's YCbCr.
_LUMA = (0.299, 0.587, 0.114)


def luma(image: Tensor) -> Tensor:
    """(B, 3, H, W) → (B, 1, H, W)."""
    weights = torch.tensor(_LUMA, device=image.device, dtype=image.dtype).view(1, 3, 1, 1)
    return (image * weights).sum(1, keepdim=True)


def with_luma(image: Tensor, light: Tensor) -> Tensor:
    """`image`, RGB in [0, 1], (B, 3, H, W), with its chroma kept and the luma `light` (B, 1, H, W).

    A colour that does not exist at its new luma is made paler, not clipped, which would turn its hue.
    """
    light = light.clamp(0, 1)
    chroma = image - luma(image)
    room = torch.where(chroma > 0, 1 - light, light)
    share = (room / chroma.abs().clamp_min(1e-6)).amin(1, keepdim=True).clamp(max=1)
    return light + share * chroma
