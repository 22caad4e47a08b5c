"""Pads pictures to the sides that a network accepts, and cuts them into tiles."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from nst_core.images.picture import Pixels, to_tensor
from nst_core.networks.base import StyleNetwork
from nst_core.stylize.grain import SMOOTH, Grain
from nst_core.stylize.tiling import Tile, coverage, tiles

#: Sides are padded to a multiple of this many pixels for every started 512 pixels, so that pictures of
#: many sizes share the few shapes that a runtime compiles for. At most a sixteenth of a side is added.
BUCKET = 32


class PaddedPicture:
    """A picture padded by reflection on the right and at the bottom, and its tiles.

    A reflection repeats the picture's own colours and lines; it does not count for the statistics.
    Pictures smaller than the border are reflected repeatedly. `sides` are the padded height and
    width. `grain` is the noise that is added to the inputs.
    """

    def __init__(
        self,
        pixels: Pixels,
        sides: tuple[int, int],
        stride: int,
        window: int,
        margin: int,
        grain: Grain = SMOOTH,
    ) -> None:
        self.grain = grain
        self.height, self.width = pixels.shape[:2]
        self._stride = stride
        borders = [(0, side - own) for side, own in zip(sides, pixels.shape[:2], strict=True)]
        if any(after for _, after in borders):
            pixels = np.pad(pixels, [*borders, (0, 0)], mode="reflect")
        self.pixels = pixels
        self.tiles = list(tiles(*sides, window, margin))
        self._rows = coverage(self.height, sides[0], stride)
        self._columns = coverage(self.width, sides[1], stride)

    def content(self, tile: Tile) -> Tensor:
        """The network's input for a tile: (1, 3, h, w), with noise. All inputs are made here."""
        return self.grain.added(to_tensor(self.pixels[tile.window]), tile.rows[0], tile.columns[0])

    def weight(self, tile: Tile) -> Tensor | None:
        """Weights (1, 1, h / stride, w / stride) of a tile's cells for the statistics.

        1 inside the tile's inner part, 0 in its margin and in the padding, a share in between; None if
        all cells count.
        """
        weight = self._weight(tile)
        return None if bool((weight == 1).all()) else weight

    def area(self, tile: Tile) -> float:
        """The number of cells of a tile that count for the statistics."""
        return float(self._weight(tile).sum())

    def _weight(self, tile: Tile) -> Tensor:
        rows, columns = self._rows.copy(), self._columns.copy()
        for shares, (first, last) in ((rows, tile.inner_rows), (columns, tile.inner_columns)):
            shares[: first // self._stride] = 0
            shares[-(-last // self._stride) :] = 0
        stride = self._stride
        rows = rows[tile.rows[0] // stride : tile.rows[1] // stride]
        columns = columns[tile.columns[0] // stride : tile.columns[1] // stride]
        return torch.from_numpy(np.outer(rows, columns))[None, None]


def padded_side(network: StyleNetwork, pixels: int) -> int:
    """The padded length of a side of `pixels`: the same for all runtimes, in tiles or whole."""
    step = math.lcm(BUCKET * max(1, -(-pixels // 512)), network.stride)
    return max(network.minimum_side, -(-pixels // step) * step)
