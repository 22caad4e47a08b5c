"""Tiling: overlapping windows that are rendered one by one and give the result of the whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nst_core.networks.adain import EPSILON

#: Start and end along one axis.
Span = tuple[int, int]


@dataclass(frozen=True)
class Tile:
    """A window (rows, columns) with an inner part that equals that of the whole.

    In the margin around the inner part, the network lacks the pixels beyond the window's edges. The
    inner parts of all tiles cover the picture exactly once.
    """

    rows: Span
    columns: Span
    inner_rows: Span
    inner_columns: Span

    @property
    def window(self) -> tuple[slice, slice]:
        """Slices of the window in the picture."""
        return slice(*self.rows), slice(*self.columns)

    @property
    def inner(self) -> tuple[slice, slice]:
        """Slices of the inner part in the picture."""
        return slice(*self.inner_rows), slice(*self.inner_columns)

    @property
    def kept(self) -> tuple[slice, slice]:
        """Slices of the inner part in the window."""
        (top, _), (left, _) = self.rows, self.columns
        (first, last), (start, end) = self.inner_rows, self.inner_columns
        return slice(first - top, last - top), slice(start - left, end - left)


def spans(length: int, window: int, margin: int) -> list[tuple[Span, Span]]:
    """Windows of equal length along an axis of `length`, each with the span of its inner part.

    Raises `ValueError` if `window` leaves nothing between its margins.
    """
    if length <= window:
        return [((0, length), (0, length))]
    step = window - 2 * margin
    if step < 1:
        raise ValueError(f"A window of {window} has no room between margins of {margin}.")
    starts = [*range(0, length - window, step), length - window]
    ends = [start + margin for start in starts[1:]] + [length]
    firsts = [0, *ends[:-1]]
    return [
        ((start, start + window), (first, end))
        for start, first, end in zip(starts, firsts, ends, strict=True)
    ]


def tiles(height: int, width: int, window: int, margin: int) -> Iterator[Tile]:
    """Tiles of at most `window` × `window`, row by row."""
    across = spans(width, window, margin)
    for rows, inner_rows in spans(height, window, margin):
        for columns, inner_columns in across:
            yield Tile(rows, columns, inner_rows, inner_columns)


def coverage(pixels: int, padded: int, stride: int) -> npt.NDArray[np.float32]:
    """For each cell of `stride` pixels of a padded axis, the share that is picture, not padding."""
    starts = np.arange(0, padded, stride)
    share: npt.NDArray[np.float32] = ((pixels - starts) / stride).clip(0, 1).astype(np.float32)
    return share


def merge_statistics(parts: Sequence[tuple[Tensor, float]], levels: Sequence[int]) -> Tensor:
    """Merge the statistics (1, S) of parts, each given with its area, into those of the whole.

    In double precision, by the parallel form of Chan, Golub & LeVeque (1979).
    """
    area = sum(share for _, share in parts)
    merged = []
    offset = 0
    for width in levels:
        means = [part[:, offset : offset + width].double() for part, _ in parts]
        deviations = [part[:, offset + width : offset + 2 * width].double() for part, _ in parts]
        shares = [share / area for _, share in parts]
        mean = sum((m * s for m, s in zip(means, shares, strict=True)), torch.zeros(()))
        square = sum(
            (
                (d.square() - EPSILON + (m - mean).square()) * s
                for m, d, s in zip(means, deviations, shares, strict=True)
            ),
            torch.zeros(()),
        )
        merged += [mean, (square.clamp_min(0) + EPSILON).sqrt()]
        offset += 2 * width
    return torch.cat(merged, dim=1).float()
