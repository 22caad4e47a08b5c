"""Composes the finished pixels from the network's outputs: strength, colours and regions.

Every step works on single pixels, so any window of a picture is composed exactly as in the whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nst_core.errors import NstError
from nst_core.images.color import luma, with_luma
from nst_core.images.picture import Pixels, to_pixels, to_tensor

if TYPE_CHECKING:
    from params.painting import PaintSettings

Floats = npt.NDArray[np.float32]

#: Below this strength the network's output is blended with the source pixels: no network of this kind
#: reproduces its input exactly, and strength 0 must. The value is 0.5, because below it the slim
#: network's own reconstruction error would outweigh the style, and the strength would not rise
#: steadily.
FADE = 0.5
#: Share of the output in the pixels at strength `FADE`. The rest is added up to strength 1, so that the
#: strength rises even where the style hardly differs from the content, as with matched colours.
FADED = 0.9

#: Rows composed at a time. The floats of a whole picture take four times its bytes at every step.
_BAND_ROWS = 128


class CompositionError(NstError):
    """The network's output can't be used."""


@dataclass(frozen=True, eq=False)
class Layer:
    """One style over a window of h × w pixels.

    `output` (1, 3, h, w) is the network's, not clamped; None is the source itself. `share` is the
    output's share in the pixels, from 0 to 1. `mask` (h, w), uint8, is the cover over lower layers;
    None covers everything.
    """

    output: Tensor | None
    share: float
    mask: Pixels | None = None


def compose(source: Pixels, layers: Sequence[Layer], settings: PaintSettings) -> Pixels:
    """Lay the layers, lowest first, over the window `source` (h, w, 3); later layers cover earlier.

    Where a layer of share 0 covers everything, the result is the source bit for bit. Raises
    `CompositionError` for an output with values that are not finite.
    """
    result = np.empty_like(source)
    for rows, band in _bands(source, layers, settings):
        result[rows] = to_pixels(band)
    return result


def compose_floats(source: Pixels, layers: Sequence[Layer], settings: PaintSettings) -> Floats:
    """`compose` without the rounding to 8 bits: (h, w, 3) float32 in 0..255."""
    result = np.empty(source.shape, np.float32)
    for rows, band in _bands(source, layers, settings):
        result[rows] = band[0].permute(1, 2, 0).clamp(0, 1).mul(255).numpy()
    return result


def output_share(alpha: float) -> float:
    """The network's share in the pixels at strength `alpha`: 0 at 0, 1 at 1, strictly rising."""
    if alpha < FADE:
        return FADED * alpha / FADE
    return 1.0 - (1.0 - FADED) * (1.0 - alpha) / (1.0 - FADE)


def _bands(
    source: Pixels, layers: Sequence[Layer], settings: PaintSettings
) -> Iterator[tuple[slice, Tensor]]:
    for top in range(0, len(source), _BAND_ROWS):
        rows = slice(top, top + _BAND_ROWS)
        band = [
            Layer(
                None if layer.output is None else layer.output[:, :, rows],
                layer.share,
                None if layer.mask is None else layer.mask[rows],
            )
            for layer in layers
        ]
        yield rows, _composed(source[rows], band, settings)


def _composed(source: Pixels, layers: Sequence[Layer], settings: PaintSettings) -> Tensor:
    """(1, 3, h, w) in [0, 1]."""
    image = to_tensor(source)
    canvas = image
    for layer in layers:
        painted = _painted(image, layer, settings)
        if layer.mask is None:
            canvas = painted
        else:
            cover = torch.tensor(layer.mask)[None, None].float().div_(255)
            canvas = torch.lerp(canvas, painted, cover)
    return canvas


def _painted(image: Tensor, layer: Layer, settings: PaintSettings) -> Tensor:
    if layer.output is None or layer.share == 0:
        return image
    # A sum is finite only if all terms are, and is much faster than testing each value.
    if not math.isfinite(float(layer.output.sum())) and not bool(torch.isfinite(layer.output).all()):
        raise CompositionError("The network gave values that are no numbers. Its weights are damaged.")
    output = layer.output.clamp(0, 1)
    if settings.color == "luminance":
        output = with_luma(image, luma(output))
    if settings.saturation != 1:
        grey = luma(output).expand_as(output)
        output = torch.lerp(grey, output, settings.saturation).clamp_(0, 1)
    return output if layer.share == 1 else torch.lerp(image, output, layer.share)
