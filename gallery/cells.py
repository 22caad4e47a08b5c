"""Voronoi cells: nearest point of each pixel, and distances to the nearest two points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gallery.palette import Array, Whole

_FAR = 1e6


@dataclass(frozen=True)
class Cells:
    """For every pixel its cell and the distances, in pixels, to the nearest and the next point."""

    index: Whole
    nearest: Array
    second: Array

    @property
    def border(self) -> Array:
        """About the distance to the border with the next cell, in pixels."""
        return np.asarray((self.second - self.nearest) / 2)


def cells(points: Array, side: int, reach: float, angles: Array | None = None) -> Cells:
    """Voronoi cells of points (N, 2) from 0 to 1; with `angles`, of squares turned so (L4 distance).

    A point is considered only within `reach` (in picture widths), which has to be well above the usual
    distance between neighbours.
    """
    index = np.zeros((side, side), dtype=np.int32)
    nearest = np.full((side, side), _FAR, dtype=np.float32)
    second = np.full((side, side), _FAR, dtype=np.float32)
    radius = int(np.ceil(reach * side))
    for number, (px, py) in enumerate(points * side):
        left, top = max(0, int(px) - radius), max(0, int(py) - radius)
        right, bottom = min(side, int(px) + radius + 1), min(side, int(py) + radius + 1)
        if left >= right or top >= bottom:
            continue
        dx = np.arange(left, right, dtype=np.float32)[None, :] + np.float32(0.5 - px)
        dy = np.arange(top, bottom, dtype=np.float32)[:, None] + np.float32(0.5 - py)
        if angles is None:
            distance = np.sqrt(dx * dx + dy * dy)
        else:
            cos, sin = np.float32(np.cos(angles[number])), np.float32(np.sin(angles[number]))
            u, v = dx * cos + dy * sin, dy * cos - dx * sin
            u *= u
            v *= v
            distance = np.sqrt(np.sqrt(u * u + v * v))
        window = np.s_[top:bottom, left:right]
        first = nearest[window]
        closer = distance < first
        second[window] = np.where(closer, first, np.minimum(second[window], distance))
        nearest[window] = np.where(closer, distance, first)
        index[window][closer] = number
    return Cells(index, nearest, second)


def centred(points: Array, found: Cells) -> Array:
    """Every point moved to the middle of its cell (Lloyd's step); points without a cell stay."""
    side = len(found.index)
    flat = found.index.ravel()
    counts = np.bincount(flat, minlength=len(points))
    line = (np.arange(side) + 0.5) / side
    x = np.bincount(flat, weights=np.tile(line, side), minlength=len(points))
    y = np.bincount(flat, weights=np.repeat(line, side), minlength=len(points))
    middle = np.stack([x, y], axis=1) / np.maximum(counts, 1)[:, None]
    return np.where((counts > 0)[:, None], middle, points)
