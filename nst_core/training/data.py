"""Image folders as training data: reproducible random crops, and a cache of features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from imaging.folders import find_pictures
from imaging.formats import FORMAT_NAMES, SUFFIXES
from nst_core.errors import NstError
from nst_core.images.picture import PictureError, laid_on_white, read_picture

#: As for a photograph of a training with a network of one style.
_MAX_PIXELS = 200_000_000


class DataError(NstError):
    """A folder of training images is missing, empty or unreadable."""


def image_paths(folder: str | Path, on_notice: Callable[[str], None] | None = None) -> list[Path]:
    """Paths of all pictures under `folder`, by suffix, sorted. Raises `DataError` if there is none.

    `on_notice` receives one line that names other files, if there are any.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}.")
    found = find_pictures(folder, SUFFIXES, recursive=True)
    notice = found.notice(folder)
    if notice is not None and on_notice is not None:
        on_notice(notice)
    paths = found.pictures
    if not paths:
        raise DataError(f"The folder {folder} holds no {FORMAT_NAMES} pictures.")
    return paths


def held_out(paths: Sequence[Path], every: int) -> tuple[list[Path], list[Path]]:
    """Split into (training, validation): every `every`-th file is for validation; 0 holds out none."""
    if not every:
        return list(paths), []
    training = [path for number, path in enumerate(paths) if number % every]
    return training, list(paths[::every])


@dataclass(frozen=True, kw_only=True)
class CropRecipe:
    """Random crop settings: squares of a share `zoom` (a range) of the short side, at `size` pixels.

    `recolour` is the probability that the colour channels are permuted, which widens the palette of a
    small collection of paintings.
    """

    size: int
    zoom: tuple[float, float] = (0.4, 1.0)
    recolour: float = 0.0


class Crops:
    """Data set of `variants` fixed random crops of each picture, so that their features can be cached.

    The crop of (picture, variant) depends only on `seed` and those two numbers.
    """

    def __init__(
        self, paths: Sequence[Path], recipe: CropRecipe, *, variants: int = 4, seed: int = 0
    ) -> None:
        self.paths = list(paths)
        self.recipe = recipe
        self.variants = variants
        self.seed = seed

    def __len__(self) -> int:
        return len(self.paths) * self.variants

    def __getitem__(self, index: int) -> Tensor:
        """Crop number `index`: RGB in [0, 1], shape (3, size, size). Raises `DataError`."""
        picture, variant = divmod(index, self.variants)
        random = np.random.default_rng((self.seed, picture, variant))
        path = self.paths[picture]
        try:
            photo = laid_on_white(read_picture(path, max_pixels=_MAX_PIXELS))
            pixels = _crop(Image.fromarray(photo.pixels), self.recipe, random)
        except (PictureError, OSError) as error:
            raise DataError(f"The picture {path} can't be read: {error}.") from error
        if random.random() < self.recipe.recolour:
            pixels = pixels[:, :, random.permutation(3)]
        return torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1).float().div_(255)


def _crop(image: Image.Image, recipe: CropRecipe, random: np.random.Generator) -> np.ndarray:
    short = min(image.size)
    side = max(8, round(short * random.uniform(*recipe.zoom)))
    left = int(random.integers(0, image.width - side + 1)) if image.width > side else 0
    top = int(random.integers(0, image.height - side + 1)) if image.height > side else 0
    box = (left, top, min(left + side, image.width), min(top + side, image.height))
    image = image.resize((recipe.size, recipe.size), Image.Resampling.BICUBIC, box=box)
    if random.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return np.array(image)


class FeatureCache:
    """Caches the features that `compute` returns for a crop, for at most `limit` crops.

    Features of further crops are computed again each time. `half` stores them in half precision.
    """

    def __init__(
        self, compute: Callable[[Tensor], tuple[Tensor, ...]], *, limit: int, half: bool = True
    ) -> None:
        self._compute = compute
        self._limit = limit
        self._half = half
        self._entries: dict[int, tuple[Tensor, ...]] = {}

    def __call__(self, keys: Sequence[int], crops: Tensor) -> list[Tensor]:
        """Return `compute(crops)`, stacked along the batch; `keys` identify the crops."""
        fresh: dict[int, tuple[Tensor, ...]] = {}
        for position, key in enumerate(keys):
            if key in self._entries:
                continue
            # One crop at a time: the other crops of a batch must not change the last bits of its
            # features, or an interrupted run would not end like an uninterrupted one.

            parts = self._compute(crops[position : position + 1])
            fresh[position] = tuple(part[0].half() if self._half else part[0].clone() for part in parts)
            if len(self._entries) < self._limit:
                self._entries[key] = fresh[position]
        rows = [fresh.get(position) or self._entries[key] for position, key in enumerate(keys)]
        return [torch.stack(parts).to(crops.device).float() for parts in zip(*rows, strict=True)]
