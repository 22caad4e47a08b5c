"""Random crops that are cut on the device of the training, from pictures that stay there as uint8.

On a graphics card a step takes milliseconds, less than threads need to read and resize its crops. Here
all pictures are read once, and the crops of a batch are one `grid_sample`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from nst_core.images.picture import (
    Picture,
    PictureError,
    Pixels,
    laid_on_white,
    read_picture,
    resize_exactly,
)
from nst_core.training.data import CropRecipe, DataError

#: Pictures longer than this, as a ratio of their sides, give two squares, one from each end.
_TWO_SQUARES = 1.2
#: Smallest side in pixels of the squares that are kept, however little memory there is.
_LEAST_SIDE = 32
_MAX_PIXELS = 200_000_000


class DeviceCrops:
    """Batches of random square crops of the pictures `paths`, as `recipe` says.

    The pictures are kept as squares (N, 3, S, S), uint8, on `device`, in at most `memory_mb`. A crop
    depends on the seed, the number of its step and its place in the batch alone. Raises `DataError` for
    a picture that can't be read.
    """

    def __init__(
        self, paths: Sequence[Path], recipe: CropRecipe, *, seed: int, device: str, memory_mb: int
    ) -> None:
        self._recipe = recipe
        self._seed = seed
        # The smallest crop then has about the pixels that it is rendered with.
        wanted = round(recipe.size / recipe.zoom[0])
        fits = int((memory_mb * 1_000_000 / (3 * 2 * len(paths))) ** 0.5)
        self.side = max(_LEAST_SIDE, min(wanted, fits))
        self.squares = _squares(paths, self.side).to(device)

    def batch(self, step: int, count: int) -> Tensor:
        """The crops of a step: RGB in [0, 1], (count, 3, size, size), on the device."""
        random = np.random.default_rng((self._seed, step))
        device, size = self.squares.device, self._recipe.size
        chosen = torch.from_numpy(random.integers(0, len(self.squares), count)).to(device)
        places = torch.from_numpy(_places(random, count, self._recipe.zoom)).to(device)
        # Twice as fine as needed, then averaged: crops that are made smaller have no jagged edges.
        grid = functional.affine_grid(places, [count, 3, 2 * size, 2 * size], align_corners=False)
        fine = functional.grid_sample(
            self.squares[chosen].float(), grid, padding_mode="reflection", align_corners=False
        )
        crops = (functional.avg_pool2d(fine, 2) / 255).clamp_(0, 1)
        order = torch.from_numpy(_channel_orders(random, count, self._recipe.recolour)).to(device)
        return crops.gather(1, order[:, :, None, None].expand(-1, -1, size, size))


def _places(
    random: np.random.Generator, count: int, zoom: tuple[float, float]
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Affine maps (count, 2, 3) from a crop to its square, both in [-1, 1]; half of them mirrored."""
    share = random.uniform(*zoom, count)
    mirror = np.where(random.random(count) < 0.5, -1.0, 1.0)
    places = np.zeros((count, 2, 3), np.float32)
    places[:, 0, 0], places[:, 1, 1] = share * mirror, share
    places[:, :, 2] = random.uniform(-1, 1, (count, 2)) * (1 - share)[:, None]
    return places


def _channel_orders(
    random: np.random.Generator, count: int, recolour: float
) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """The order of the colour channels of each crop, (count, 3); permuted with that probability."""
    orders = [
        random.permutation(3) if random.random() < recolour else np.arange(3) for _ in range(count)
    ]
    return np.stack(orders).astype(np.int64)


def _squares(paths: Sequence[Path], side: int) -> Tensor:
    """The squares of all pictures, (N, 3, side, side) uint8, in the order of `paths`."""
    with ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="squares") as pool:
        rows = [square for found in pool.map(lambda path: _read(path, side), paths) for square in found]
    return torch.from_numpy(np.stack(rows)).permute(0, 3, 1, 2).contiguous()


def _read(path: Path, side: int) -> list[Pixels]:
    """One square of a picture, or two of a long one, (side, side, 3)."""
    try:
        picture = laid_on_white(read_picture(path, max_pixels=_MAX_PIXELS))
    except (PictureError, OSError) as error:
        raise DataError(f"The picture {path} can't be read: {error}.") from error
    scale = side / min(picture.width, picture.height)
    width, height = (max(side, round(length * scale)) for length in (picture.width, picture.height))
    pixels = resize_exactly(Picture(picture.pixels), width, height).pixels
    rest = max(width, height) - side
    starts = [rest // 2] if max(width, height) < _TWO_SQUARES * side else [0, rest]
    if width >= height:
        return [pixels[:side, start : start + side] for start in starts]
    return [pixels[start : start + side, :side] for start in starts]
