"""Keeping the content's colours: its hues under another light, or its palette for the style."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nst_core.images.picture import Picture, resize_picture

#: ITU-R BT.601, the luma of JPEG's YCbCr.
_LUMA = (0.299, 0.587, 0.114)
#: The longer side at which colours are measured, so that they are those of the frame at any size.
_MEASURED_SIDE = 256
#: The least variance of a style's colours along any axis. Below it there is only noise to be amplified.
_LEAST_VARIANCE = 1e-3


def luma(image: Tensor) -> Tensor:
    """(B, 3, H, W) → (B, 1, H, W)."""
    red, green, blue = image.unbind(dim=1)
    light = (red * _LUMA[0]).add_(green, alpha=_LUMA[1]).add_(blue, alpha=_LUMA[2])
    return light[:, None]


def with_luma(image: Tensor, light: Tensor) -> Tensor:
    """`image`, RGB in [0, 1], (B, 3, H, W), with its chroma kept and the luma `light` (B, 1, H, W).

    A colour that does not exist at its new luma is made paler, not clipped, which would turn its hue.
    """
    light = light.clamp(0, 1)
    chroma = image - luma(image)
    # By pairs, since a reduction over a dimension of three takes several times as long.
    red, green, blue = chroma.unbind(dim=1)
    least = torch.minimum(torch.minimum(red, green), blue)[:, None]
    most = torch.maximum(torch.maximum(red, green), blue)[:, None]
    # What the strongest channel of either sign may keep, the others may too.
    above = (1 - light) / most.clamp_min(1e-6)
    below = light / least.neg_().clamp_min(1e-6)
    share = torch.minimum(above, below).clamp_(max=1)
    return chroma.mul_(share).add_(light)


def match_colors(style: Picture, content: Picture) -> Picture:
    """`style` in the colours of `content`: the same mean and covariance of RGB, clipped to [0, 1].

    Section 4.1 of Gatys et al., "Preserving Color in Neural Artistic Style Transfer" (2016), with the
    symmetric roots of its equation 4. What is transparent is not measured.
    """
    style_mean, style_covariance = _colors(style)
    mean, covariance = _colors(content)
    transform = _power(covariance, 0.5) @ _power(style_covariance, -0.5, least=_LEAST_VARIANCE)
    pixels = (style.pixels / 255.0 - style_mean) @ transform.T + mean
    return Picture((np.clip(pixels, 0, 1) * 255 + 0.5).astype(np.uint8), style.alpha, style.format)


_Floats = npt.NDArray[np.float64]


def _colors(picture: Picture) -> tuple[_Floats, _Floats]:
    """Mean (3,) and covariance (3, 3) of a picture's RGB in [0, 1]."""
    small = resize_picture(picture, _MEASURED_SIDE)
    values = small.pixels.reshape(-1, 3) / 255.0
    if small.alpha is not None and bool((small.alpha > 127).any()):
        values = values[small.alpha.reshape(-1) > 127]
    mean = values.mean(0)
    centred = values - mean
    return mean, centred.T @ centred / len(values)


def _power(covariance: _Floats, exponent: float, least: float = 0.0) -> _Floats:
    """A power of a covariance, whose eigenvalues are at least `least`."""
    values, vectors = np.linalg.eigh(covariance)
    result: _Floats = (vectors * np.maximum(values, least) ** exponent) @ vectors.T
    return result
