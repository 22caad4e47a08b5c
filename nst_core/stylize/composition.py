"""From the network's outputs to the finished pixels: strength, colours and regions.

Every step is pointwise, so any window of a picture is put together exactly as it is in the whole.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from nst_core.errors import NstError
from nst_core.images.color import luma, with_luma
from nst_core.images.picture import Pixels, to_pixels, to_tensor

#: Where the colours come from: "style" takes them from the style; "luminance" takes the light from the
#: network and the hues from the content; "match" gives the style the content's colours first.
Color = Literal["style", "luminance", "match"]
COLORS: tuple[str, ...] = get_args(Color)

#: Below this strength the network's output is blended with the source pixels: no network of this kind
#: gives its input back exactly, and strength 0 must. Half-way, because the slim network's own error at
#: reconstruction would otherwise outweigh the style there, and the strength would not rise steadily.
FADE = 0.5
#: The output's share at that strength. The rest comes in up to strength 1, so that the strength rises
#: even where the style hardly differs from the content, as with matched colours.
FADED = 0.9

#: Rows put together at a time: the floats of a whole picture take four times its bytes at every step.
_ROWS = 128


class CompositionError(NstError):
    """The network's output can't be used."""


@dataclass(frozen=True, eq=False)
class Layer:
    """What one style does to a window of h × w pixels.

    `output` (1, 3, h, w) is the network's, not clamped, at the strength `alpha`; None is the source
    itself. `mask` (h, w), uint8, says where the layer covers those below; None is everywhere.
    """

    output: Tensor | None
    alpha: float
    mask: Pixels | None = None


def compose(source: Pixels, layers: Sequence[Layer], color: Color = "style") -> Pixels:
    """Lay the layers, the lowest first, over the window `source` (h, w, 3); later ones cover earlier.

    Where a layer of strength 0 covers all, the result is the source bit for bit. Raises
    `CompositionError` for an output with values that are no numbers.
    """
    result = np.empty_like(source)
    for top in range(0, len(source), _ROWS):
        rows = slice(top, top + _ROWS)
        band = [
            Layer(
                None if layer.output is None else layer.output[:, :, rows],
                layer.alpha,
                None if layer.mask is None else layer.mask[rows],
            )
            for layer in layers
        ]
        result[rows] = _composed(source[rows], band, color)
    return result


def _composed(source: Pixels, layers: Sequence[Layer], color: Color) -> Pixels:
    image = to_tensor(source)
    canvas = image
    for layer in layers:
        painted = _painted(image, layer, color)
        if layer.mask is None:
            canvas = painted
        else:
            cover = torch.tensor(layer.mask)[None, None].float().div_(255)
            canvas = torch.lerp(canvas, painted, cover)
    return to_pixels(canvas)


def _painted(image: Tensor, layer: Layer, color: Color) -> Tensor:
    if layer.output is None or layer.alpha == 0:
        return image
    # A sum is finite only if all its parts are, and is far quicker than looking at each.
    if not math.isfinite(float(layer.output.sum())) and not bool(torch.isfinite(layer.output).all()):
        raise CompositionError("The network gave values that are no numbers. Its weights are damaged.")
    output = layer.output.clamp(0, 1)
    if color == "luminance":
        output = with_luma(image, luma(output))
    return output if layer.alpha == 1 else torch.lerp(image, output, output_share(layer.alpha))


def output_share(alpha: float) -> float:
    """The network's share in the pixels at a strength: 0 at 0, 1 at 1, always rising between."""
    if alpha < FADE:
        return FADED * alpha / FADE
    return 1.0 - (1.0 - FADED) * (1.0 - alpha) / (1.0 - FADE)
