"""Fields over the picture: coordinates, smooth noise, blurs, slopes. Planes are square and float32."""

from __future__ import annotations

import numpy as np
from PIL import Image

from gallery.palette import Array


def grid(side: int) -> tuple[Array, Array]:
    """The x and y of every pixel's middle, both from 0 to 1, y downwards."""
    line = (np.arange(side, dtype=np.float32) + 0.5) / side
    x, y = np.meshgrid(line, line)
    return x, y


def enlarge(plane: Array, width: int, height: int) -> Array:
    """A plane resized with a bicubic kernel."""
    picture = Image.fromarray(np.ascontiguousarray(plane, dtype=np.float32))
    return np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC), dtype=np.float32)


def lattice(random: np.random.Generator, side: int, across: int, down: int | None = None) -> Array:
    """Smooth noise, deviation about 1, with `across` × `down` knots; alike at every `side`."""
    rows = across if down is None else down
    # Two spare knots on each edge, cut off below, keep the border from being smoother than the middle.
    knots = random.normal(0, 1.25, (rows + 4, across + 4)).astype(np.float32)
    picture = Image.fromarray(knots)
    box = (2, 2, across + 2, rows + 2)
    return np.asarray(picture.resize((side, side), Image.Resampling.BICUBIC, box=box), dtype=np.float32)


def fractal(
    random: np.random.Generator, side: int, cells: int, octaves: int = 5, gain: float = 0.5
) -> Array:
    """Octaves of lattice noise added up, with mean 0 and deviation 1."""
    total = np.zeros((side, side), dtype=np.float32)
    for octave in range(octaves):
        if cells << octave > side:
            # Noise finer than a pixel is only noise, but the numbers drawn must not depend on the size.
            break
        total += gain**octave * lattice(random, side, cells << octave)
    return np.asarray((total - total.mean()) / (total.std() + 1e-6))


def _box(plane: Array, radius: int, axis: int) -> Array:
    width = 2 * radius + 1
    padding = [(0, 0), (0, 0)]
    padding[axis] = (radius + 1, radius)
    total = np.cumsum(np.pad(plane, padding, mode="edge"), axis=axis, dtype=np.float64)
    upper, lower = (
        (total[width:], total[:-width]) if axis == 0 else (total[:, width:], total[:, :-width])
    )
    return ((upper - lower) / width).astype(np.float32)


def blur(plane: Array, radius: float) -> Array:
    """About a Gaussian of deviation `radius` pixels: three box filters."""
    half = max(0, round(((4 * radius * radius + 1) ** 0.5 - 1) / 2))
    if half == 0:
        return plane
    for _ in range(3):
        plane = _box(_box(plane, half, 0), half, 1)
    return plane


def slope(plane: Array) -> tuple[Array, Array]:
    """Differences to the right and downwards, per pixel, of the same shape as the plane."""
    across = np.gradient(plane, axis=1)
    down = np.gradient(plane, axis=0)
    return np.asarray(across, dtype=np.float32), np.asarray(down, dtype=np.float32)


def sample(plane: Array, points: Array) -> Array:
    """The plane's values at points (…, 2) given as x, y from 0 to 1: the nearest pixel, edges held."""
    rows, columns = plane.shape[:2]
    x = np.clip(points[..., 0] * columns, 0, columns - 1).astype(np.int32)
    y = np.clip(points[..., 1] * rows, 0, rows - 1).astype(np.int32)
    return np.asarray(plane[y, x])


def step(plane: Array, low: Array | float, high: Array | float) -> Array:
    """0 below `low`, 1 above `high`, an s-curve between; `low` may be the greater."""
    t = np.clip((plane - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), dtype=np.float32)


def scattered(random: np.random.Generator, count: int, margin: float = 0.03) -> Array:
    """`count` points spread evenly but not regularly, in random order, a little over the edges.

    A jittered grid: far more even than independent points, and with no visible rows.
    """
    columns = int(np.ceil(count**0.5))
    cell = np.stack(np.meshgrid(np.arange(columns), np.arange(columns)), axis=-1).reshape(-1, 2)
    points = (cell + random.uniform(0, 1, cell.shape)) / columns
    return np.asarray(random.permutation(points)[:count] * (1 + 2 * margin) - margin)
