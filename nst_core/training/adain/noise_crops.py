"""Random windows of one plane of band-limited noise, which stays on the device of the training."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from nst_core.images.noise import noise_field

#: Sides of a crop in a side of the plane, and its shortest side in pixels: windows rarely overlap.
_CROPS, _LEAST_SIDE = 4, 512


class NoiseCrops:
    """Noise for crops of `size` pixels, as renders have it (`nst_core/images/noise.py`).

    Its deviation is drawn for each crop from the range `deviation`. A crop depends on the seed, the
    number of its step and its place in the batch alone. The plane is computed once: a new one for each
    crop would take longer than a step on a graphics card.
    """

    def __init__(self, size: int, deviation: tuple[float, float], *, seed: int, device: str) -> None:
        self._size = size
        self._deviation = deviation
        self._seed = seed
        side = max(_LEAST_SIDE, _CROPS * size)
        self._plane = torch.from_numpy(noise_field(0, 0, side, side, seed % 2**32)).to(device)

    def batch(self, step: int, count: int) -> Tensor:
        """The noise of a step, (count, 3, size, size), on the device."""
        random = np.random.default_rng((self._seed, 2, step))
        ends = self._plane.shape[1] - self._size + 1
        rows, columns = random.integers(0, ends, (2, count))
        deviations = random.uniform(*self._deviation, count)
        windows = [
            float(deviation) * self._plane[:, row : row + self._size, column : column + self._size]
            for deviation, row, column in zip(deviations, rows, columns, strict=True)
        ]
        return torch.stack(windows)
