"""Regions: parts of a picture, given by masks, with their own style or strength."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter
from torch import Tensor

from nst_core.errors import NstError
from nst_core.images.picture import Picture, Pixels

#: Largest feather in pixels.
WIDEST_FEATHER = 500


class RegionError(NstError):
    """A region has a value out of range."""


@dataclass(frozen=True, eq=False)
class Region:
    """A part of a picture with its own style or strength. Later regions cover earlier ones.

    `mask` (h, w), uint8, of any size: 255 is inside, 0 outside, values in between are shares. `style`
    are the statistics of a style, None the picture's own style; `alpha` is the strength from 0, the
    source pixels, to 1, None the picture's own. The edge fades over about `feather` pixels of the
    result to either side. Raises `RegionError`.
    """

    mask: Pixels
    style: Tensor | None = None
    alpha: float | None = None
    feather: float = 0.0

    def __post_init__(self) -> None:
        if self.alpha is not None and not 0 <= self.alpha <= 1:
            raise RegionError(f"A region's strength alpha goes from 0 to 1; got {self.alpha}.")
        if not 0 <= self.feather <= WIDEST_FEATHER:
            raise RegionError(f"The feather goes from 0 to {WIDEST_FEATHER}; got {self.feather}.")

    def at(self, width: int, height: int) -> Pixels:
        """The mask at the size of a result, stretched to it and feathered, (height, width) uint8."""
        image = Image.fromarray(self.mask)
        if image.size != (width, height):
            image = image.resize((width, height), Image.Resampling.BILINEAR)
        if self.feather > 0:
            # 95 % of a Gaussian step lies within two standard deviations to either side.
            image = image.filter(ImageFilter.GaussianBlur(self.feather / 2))
        return np.array(image)


def mask_of(picture: Picture) -> Pixels:
    """The mask of a picture: its luma, (H, W) uint8; transparent pixels are outside."""
    light = np.asarray(Image.fromarray(picture.pixels).convert("L"))
    if picture.alpha is None:
        return light
    covered = light.astype(np.uint16) * picture.alpha
    return ((covered + 127) // 255).astype(np.uint8)
