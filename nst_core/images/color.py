"""Colour preservation: luma transfer, and colour matching of a style to a content."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nst_core.images.picture import Picture, resize_picture

#: ITU-R BT.601, the luma of JPEG's YCbCr.
_LUMA = (0.299, 0.587, 0.114)
#: Longer side at which colour statistics are measured: they must not depend on the size of the picture.
_STATISTICS_SIDE = 256
#: Smallest eigenvalue of a style's colour covariance. Whitening a smaller one would amplify noise.
_MIN_VARIANCE = 1e-3


def luma(image: Tensor) -> Tensor:
    """BT.601 luma of RGB: (B, 3, H, W) → (B, 1, H, W)."""
    red, green, blue = image.unbind(dim=1)
    light = (red * _LUMA[0]).add_(green, alpha=_LUMA[1]).add_(blue, alpha=_LUMA[2])
    return light[:, None]


def with_luma(image: Tensor, new_luma: Tensor) -> Tensor:
    """Replace the luma of `image`, RGB in [0, 1] (B, 3, H, W), by `new_luma` (B, 1, H, W).

    Chroma stays. A colour outside the RGB cube at its new luma is desaturated; clipping would turn its
    hue.
    """
    new_luma = new_luma.clamp(0, 1)
    chroma = image - luma(image)
    # Pairwise minima: a reduction over a dimension of three takes several times as long.
    red, green, blue = chroma.unbind(dim=1)
    lowest = torch.minimum(torch.minimum(red, green), blue)[:, None]
    highest = torch.maximum(torch.maximum(red, green), blue)[:, None]
    # The largest factor at which the extreme channels stay within [0, 1]; it is then right for all
    # three.
    above = (1 - new_luma) / highest.clamp_min(1e-6)
    below = new_luma / lowest.neg_().clamp_min(1e-6)
    scale = torch.minimum(above, below).clamp_(max=1)
    return chroma.mul_(scale).add_(new_luma)


def match_colors(style: Picture, content: Picture) -> Picture:
    """Give `style` the mean and covariance of RGB of `content`, clipped to [0, 1].

    Section 4.1 of Gatys et al., "Preserving Color in Neural Artistic Style Transfer" (2016), with the
    symmetric roots of its equation 4. Transparent pixels are not measured.
    """
    style_mean, style_covariance = _colors(style)
    mean, covariance = _colors(content)
    transform = _power(covariance, 0.5) @ _power(style_covariance, -0.5, min_eigenvalue=_MIN_VARIANCE)
    pixels = (style.pixels / 255.0 - style_mean) @ transform.T + mean
    return Picture((np.clip(pixels, 0, 1) * 255 + 0.5).astype(np.uint8), style.alpha, style.format)


_Floats = npt.NDArray[np.float64]


def _colors(picture: Picture) -> tuple[_Floats, _Floats]:
    """Mean (3,) and covariance (3, 3) of the RGB of a picture, in [0, 1]."""
    small = resize_picture(picture, _STATISTICS_SIDE)
    values = small.pixels.reshape(-1, 3) / 255.0
    if small.alpha is not None and bool((small.alpha > 127).any()):
        values = values[small.alpha.reshape(-1) > 127]
    mean = values.mean(0)
    centred = values - mean
    return mean, centred.T @ centred / len(values)


def _power(covariance: _Floats, exponent: float, min_eigenvalue: float = 0.0) -> _Floats:
    """Matrix power of a covariance, its eigenvalues clamped to at least `min_eigenvalue`."""
    values, vectors = np.linalg.eigh(covariance)
    result: _Floats = (vectors * np.maximum(values, min_eigenvalue) ** exponent) @ vectors.T
    return result
