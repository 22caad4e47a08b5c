"""Photographs for a training, as crops whose order is a function of the seed and the step alone."""

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

from nst_core.images.picture import Picture, PictureError, Pixels, read_picture, resize_exactly
from nst_core.training.data import DataError

#: A photograph's shorter side in crops' sides: there is something left to move the crop over.
_ROOM = 1.15
#: Batches prepared ahead.
_AHEAD = 4


class PhotoCrops:
    """Batches of random crops, mirrored half of the time. Every photograph is seen once in each epoch.

    `cache_mb` is memory for photographs that were read and shrunk. A file that can't be read is left
    out for another and named in `broken`.
    """

    def __init__(
        self, paths: Sequence[Path], size: int, batch: int, *, seed: int, cache_mb: int
    ) -> None:
        if not paths:
            raise DataError("There are no photographs to train on.")
        self.paths = list(paths)
        self.size = size
        self.batch = batch
        self.seed = seed
        self.broken: dict[Path, str] = {}
        self._room = cache_mb * 1_000_000
        self._kept: dict[Path, Pixels] = {}
        self._lock = threading.Lock()

    def __getitem__(self, step: int) -> Tensor:
        """The batch of a step: (B, 3, size, size) uint8."""
        crops = [self._crop(step * self.batch + place) for place in range(self.batch)]
        return torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).contiguous()

    def _crop(self, number: int) -> Pixels:
        epoch, place = divmod(number, len(self.paths))
        random = np.random.default_rng((self.seed, 1, number))
        photo = self._photo(int(_order(self.seed, epoch, len(self.paths))[place]))
        top = int(random.integers(0, photo.shape[0] - self.size + 1))
        left = int(random.integers(0, photo.shape[1] - self.size + 1))
        crop = photo[top : top + self.size, left : left + self.size]
        return crop[:, ::-1] if random.random() < 0.5 else crop

    def _photo(self, first: int) -> Pixels:
        """Number `first`, or the next one that can be read."""
        for offset in range(len(self.paths)):
            path = self.paths[(first + offset) % len(self.paths)]
            if path in self.broken:
                continue
            kept = self._kept.get(path)
            if kept is not None:
                return kept
            try:
                photo = _shrunk(path, round(self.size * _ROOM))
            except (PictureError, OSError) as error:
                with self._lock:
                    self.broken[path] = str(error)
                continue
            with self._lock:
                if path not in self._kept and photo.nbytes <= self._room:
                    self._kept[path] = photo
                    self._room -= photo.nbytes
            return photo
        raise DataError("Not one of the photographs can be read any more.")


def _shrunk(path: Path, side: int) -> Pixels:
    """The photograph with its shorter side `side` pixels; it is enlarged if it is smaller."""
    picture = read_picture(path, max_pixels=200_000_000, target_long_side=4 * side)
    scale = side / min(picture.width, picture.height)
    # A panorama's ends are cut off: all of it would take the memory of hundreds of photographs.
    if max(picture.width, picture.height) > 4 * min(picture.width, picture.height):
        picture = _middle(picture)
    width, height = (max(side, round(length * scale)) for length in (picture.width, picture.height))
    return resize_exactly(Picture(picture.pixels), width, height).pixels


def _middle(picture: Picture) -> Picture:
    longest = 4 * min(picture.width, picture.height)
    top, left = max(0, picture.height - longest) // 2, max(0, picture.width - longest) // 2
    kept = picture.pixels[top : top + longest, left : left + longest]
    return Picture(np.ascontiguousarray(kept))


@lru_cache(maxsize=4)
def _order(seed: int, epoch: int, count: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng((seed, 0, epoch)).permutation(count)


class Loader(AbstractContextManager["Loader"]):
    """Prepares the batches of the coming steps in threads, in pinned memory if `pin`.

    Pillow lets other threads run while it decodes, so threads do what worker processes would, without
    a copy of the cache in each.
    """

    def __init__(self, crops: PhotoCrops, *, workers: int, pin: bool = False) -> None:
        self._crops = crops
        self._pin = pin
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="photos") if workers else None

    def batches(self, first: int) -> Iterator[Tensor]:
        """The batches from step `first` on, without end."""
        if self._pool is None:
            while True:
                yield self._one(first)
                first += 1
        coming: list[Future[Tensor]] = []
        try:
            while True:
                while len(coming) < _AHEAD:
                    coming.append(self._pool.submit(self._one, first))
                    first += 1
                yield coming.pop(0).result()
        finally:
            for each in coming:
                each.cancel()

    def _one(self, step: int) -> Tensor:
        batch = self._crops[step]
        return batch.pin_memory() if self._pin else batch

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
