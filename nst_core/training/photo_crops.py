"""Batches of random photo crops whose order depends only on the seed and the step, with prefetching."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nst_core.images.picture import (
    Picture,
    PictureError,
    Pixels,
    laid_on_white,
    read_picture,
    resize_exactly,
)
from nst_core.training.data import DataError

#: Shorter side of a cached photograph relative to the crop, so that the crop can be moved.
_CROP_MARGIN = 1.15
#: Number of batches prepared in advance.
_PREFETCHED_BATCHES = 4


class PhotoCrops:
    """Batches of random crops, mirrored with probability 0.5; each epoch uses every photograph once.

    The shorter side of a photograph is `margin` crops long. `cache_mb` limits the memory for
    photographs that were read and resized, in MB. A file that can't be read is replaced by the next one
    and listed in `unreadable` with the reason.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        size: int,
        batch: int,
        *,
        seed: int,
        cache_mb: int,
        margin: float = _CROP_MARGIN,
    ) -> None:
        if not paths:
            raise DataError("There are no photographs to train on.")
        self.paths = list(paths)
        self.size = size
        self.batch = batch
        self._side = round(size * margin)
        self.seed = seed
        self.unreadable: dict[Path, str] = {}
        self._cache_bytes_left = cache_mb * 1_000_000
        self._cache: dict[Path, Pixels] = {}
        self._lock = threading.Lock()

    def __getitem__(self, step: int) -> Tensor:
        """Batch of a step: uint8, shape (B, 3, size, size)."""
        crops = [self._crop(step * self.batch + position) for position in range(self.batch)]
        return torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).contiguous()

    def _crop(self, number: int) -> Pixels:
        epoch, position = divmod(number, len(self.paths))
        random = np.random.default_rng((self.seed, 1, number))
        photo = self._read_photo(int(_shuffled(self.seed, epoch, len(self.paths))[position]))
        top = int(random.integers(0, photo.shape[0] - self.size + 1))
        left = int(random.integers(0, photo.shape[1] - self.size + 1))
        crop = photo[top : top + self.size, left : left + self.size]
        return crop[:, ::-1] if random.random() < 0.5 else crop

    def _read_photo(self, first: int) -> Pixels:
        """Photograph number `first`, or the next readable one. Raises `DataError` if none is."""
        for offset in range(len(self.paths)):
            path = self.paths[(first + offset) % len(self.paths)]
            if path in self.unreadable:
                continue
            cached = self._cache.get(path)
            if cached is not None:
                return cached
            try:
                photo = _read_resized(path, self._side)
            except (PictureError, OSError) as error:
                with self._lock:
                    self.unreadable[path] = str(error)
                continue
            with self._lock:
                if path not in self._cache and photo.nbytes <= self._cache_bytes_left:
                    self._cache[path] = photo
                    self._cache_bytes_left -= photo.nbytes
            return photo
        raise DataError("None of the photographs can be read any more.")


def _read_resized(path: Path, side: int) -> Pixels:
    """Read a photograph and resize its shorter side to `side` pixels, up or down."""
    picture = laid_on_white(read_picture(path, max_pixels=200_000_000, target_long_side=4 * side))
    scale = side / min(picture.width, picture.height)
    # The ends of a panorama are cut off, since it would take the memory of hundreds of photographs.
    if max(picture.width, picture.height) > 4 * min(picture.width, picture.height):
        picture = _limit_aspect_ratio(picture)
    width, height = (max(side, round(length * scale)) for length in (picture.width, picture.height))
    return resize_exactly(Picture(picture.pixels), width, height).pixels


def _limit_aspect_ratio(picture: Picture) -> Picture:
    longest = 4 * min(picture.width, picture.height)
    top, left = max(0, picture.height - longest) // 2, max(0, picture.width - longest) // 2
    middle = picture.pixels[top : top + longest, left : left + longest]
    return Picture(np.ascontiguousarray(middle))


@lru_cache(maxsize=4)
def _shuffled(seed: int, epoch: int, count: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng((seed, 0, epoch)).permutation(count)


class Loader(AbstractContextManager["Loader"]):
    """Data loader that prepares the batches of the next steps in threads, in pinned memory if `pin`.

    Pillow releases the GIL while it decodes, so threads are as fast as worker processes and share one
    cache.
    """

    def __init__(self, crops: PhotoCrops, *, workers: int, pin: bool = False) -> None:
        self._crops = crops
        self._pin = pin
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="photos") if workers else None

    def batches(self, first: int) -> Iterator[Tensor]:
        """Endless iterator over the batches from step `first` on."""
        if self._pool is None:
            while True:
                yield self._prepare(first)
                first += 1
        pending: list[Future[Tensor]] = []
        try:
            while True:
                while len(pending) < _PREFETCHED_BATCHES:
                    pending.append(self._pool.submit(self._prepare, first))
                    first += 1
                yield pending.pop(0).result()
        finally:
            for each in pending:
                each.cancel()

    def _prepare(self, step: int) -> Tensor:
        batch = self._crops[step]
        return batch.pin_memory() if self._pin else batch

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
