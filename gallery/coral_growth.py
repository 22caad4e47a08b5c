"""Coral growth: a pattern that two substances grow by themselves, carved and lit like a reef.

Gray–Scott reaction and diffusion (Pearson, 1993); feed and kill vary over the picture, so that stripes,
mazes and spots meet in one growth.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from gallery.light import picture, relief
from gallery.noise import blur, enlarge, fractal, grid, lattice, step
from gallery.palette import Array, mix, ramp, rgb

_CELLS = 400
_STEPS = 3600


def _around(plane: Array) -> Array:
    """The Laplacian on a torus."""
    near = np.roll(plane, 1, 0) + np.roll(plane, -1, 0) + np.roll(plane, 1, 1) + np.roll(plane, -1, 1)
    return np.asarray(near * np.float32(0.25) - plane)


def _grow(random: np.random.Generator) -> Array:
    """The second substance after growth, on the small grid."""
    x, y = grid(_CELLS)
    kind = step(lattice(random, _CELLS, 3), -0.9, 0.9)
    # From labyrinth (feed 0.037, kill 0.060) to coral and spots (feed 0.030, kill 0.062).
    feed = (0.0385 - 0.0075 * kind).astype(np.float32)
    kill = (0.0600 + 0.0022 * kind).astype(np.float32)
    first = np.ones((_CELLS, _CELLS), dtype=np.float32)
    second = np.zeros_like(first)
    for cx, cy in random.uniform(0, 1, (150, 2)):
        second[np.hypot(x - cx, y - cy) < 0.012] = 0.6
    first -= second * np.float32(0.5)
    for _ in range(_STEPS):
        reaction = first * second * second
        first += np.float32(0.80) * _around(first) - reaction + feed * (1 - first)
        second += np.float32(0.40) * _around(second) + reaction - (feed + kill) * second
    return second


def draw(random: np.random.Generator, size: int) -> Image.Image:
    """Draw the reef."""
    side = size * 2
    grown = enlarge(_grow(random), side, side)
    _, y = grid(side)
    ridge = step(grown, 0.06, 0.34)
    polyps = fractal(random, side, 95, 2)
    skin = fractal(random, side, 180, 2)
    cloud = fractal(random, side, 3, 4)
    drift = 0.5 + 0.28 * cloud + 0.35 * (y - 0.5)
    inner = np.clip(grown / 0.36, 0, 1)
    # Growth rings: fine steps on the flanks of every branch.
    rings = np.sin(blur(grown, side / 500) * 120)
    height = (
        ridge * 3.6 + inner * 3.2 + 0.28 * polyps * ridge + 0.16 * skin + 0.30 * rings * (1 - ridge)
    )
    shade, shine = relief(height, side / 420, gloss=16)
    reef = ramp(
        ["#7a0f3c", "#d6304f", "#ff6b57", "#ffa86b", "#ffe0a8"],
        0.20 + 0.55 * inner + 0.35 * (drift - 0.5) + 0.05 * polyps,
    )
    other = ramp(
        ["#3b1466", "#8a2fa8", "#e0609f", "#ffb0a0", "#fff0d0"], 0.15 + 0.62 * inner + 0.05 * polyps
    )
    reef = mix(reef, other, step(cloud, 0.2, 1.1))
    water = ramp(
        ["#062a55", "#07627a", "#12a096", "#7fdcbc"],
        0.32 + 0.5 * drift * 0.6 + 0.07 * rings - 0.4 * (0.10 - np.clip(grown, 0, 0.1)) * 5,
    )
    colour = mix(water, reef, ridge)
    hollow = blur(ridge, side / 110)
    colour = colour * (1 - 0.25 * hollow * (1 - ridge))[..., None]
    tips = step(polyps + 0.4 * skin, 1.5, 2.2) * step(inner, 0.6, 0.9)
    colour = mix(colour, rgb("#fff4dc"), tips * 0.8)
    colour = colour * (0.52 + 0.48 * shade)[..., None] + (0.25 * (shine - shine.mean()))[..., None]
    caustic = step(1 - np.abs(fractal(random, side, 11, 3)) * 1.3, 0.72, 1.0)
    return picture(colour * (1.0 + 0.22 * caustic)[..., None], size)
