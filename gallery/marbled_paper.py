"""Marbled paper: drops of ink on water, raked with combs and a stylus, lifted on a sheet.

The inks move as in "Mathematical Marbling" (Lu, Jaffer, Jin, Zhao & Mao, 2012): a drop pushes all that
lies around it outwards and keeps its area; a tine drags its neighbourhood along. Both can be undone
exactly, so every pixel is followed back through time until it lies inside a drop.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from gallery.light import picture, relief
from gallery.noise import blur, fractal, step
from gallery.palette import Array, mix, rgb, table, vary

_INKS = [
    "#12284f",
    "#f3e6cc",
    "#c23a2b",
    "#1f6f78",
    "#e3a83a",
    "#0c1a33",
    "#f3e6cc",
    "#8c2f4a",
    "#4f97a3",
    "#efc9a8",
]
_SHARES = [0.17, 0.12, 0.14, 0.14, 0.11, 0.09, 0.05, 0.07, 0.06, 0.05]
#: Curls drawn with a stylus: x, y, radius, how far (the sign tells which way round).
_CURLS = (
    (0.32, 0.36, 0.07, 0.24), (0.71, 0.66, 0.08, -0.27), (0.80, 0.20, 0.04, 0.16),
    (0.19, 0.82, 0.045, -0.17),
)  # fmt: skip
_DROPS = 460
_CHUNK = 1 << 16


def _unraked(x: Array, y: Array) -> tuple[Array, Array]:
    """Where a point of the finished sheet lay before the rakes, last rake first."""
    # The turn of a curl fades with the distance from the ring it was drawn on.
    for cx, cy, ring, turn in _CURLS:
        dx, dy = x - cx, y - cy
        distance = np.sqrt(dx * dx + dy * dy) + 1e-6
        angle = (
            -turn / distance * np.exp(-np.abs(distance - ring) / 0.035) * (distance / (distance + 0.03))
        )
        cos, sin = np.cos(angle), np.sin(angle)
        x, y = cx + dx * cos - dy * sin, cy + dx * sin + dy * cos
    # A fine comb downwards, a wide one up and down before it, and one across before both.
    y = y - 0.048 * np.abs(np.sin(x * np.pi * 28 + 0.35 * np.sin(y * 9))) ** 0.8
    x = x - 0.10 * np.sin(y * np.pi * 6.5 + 0.6)
    y = y - 0.16 * np.sin(x * np.pi * 3.2 + 1.0)
    return x, y


def draw(random: np.random.Generator, size: int) -> Image.Image:
    """Draw the paper."""
    side = size * 2
    places = random.uniform(-0.2, 1.2, (_DROPS, 2)).astype(np.float32)
    # Great drops first, to cover the water; sprinkles of small ones last.
    radii = np.geomspace(0.125, 0.022, _DROPS) * random.uniform(0.6, 1.35, _DROPS)
    colours = vary(random, table(_INKS)[random.choice(len(_INKS), _DROPS, p=_SHARES)], 0.02, 0.10, 0.06)
    waver = 0.004 * np.stack([fractal(random, side, 9, 4), fractal(random, side, 9, 4)])
    line = (np.arange(side, dtype=np.float32) + 0.5) / side
    owner = np.full(side * side, -1, dtype=np.int32)
    depth = np.zeros(side * side, dtype=np.float32)
    for first in range(0, side * side, _CHUNK):
        flat = np.arange(first, min(first + _CHUNK, side * side))
        x = line[flat % side] + waver[0].ravel()[flat]
        y = line[flat // side] + waver[1].ravel()[flat]
        x, y = _unraked(x, y)
        for number in range(_DROPS - 1, -1, -1):
            dx, dy = x - places[number, 0], y - places[number, 1]
            share = (dx * dx + dy * dy) / np.float32(radii[number] ** 2)
            within = share < 1
            if within.any():
                owner[flat[within]] = number
                depth[flat[within]] = share[within]
                outside = ~within
                flat, dx, dy, share = flat[outside], dx[outside], dy[outside], share[outside]
                if not len(flat):
                    break
            squeeze = np.sqrt(1 - 1 / share)
            x, y = places[number, 0] + dx * squeeze, places[number, 1] + dy * squeeze
    drop, rim = owner.reshape(side, side), depth.reshape(side, side)
    ink = np.concatenate([colours, rgb("#efe3c8")[None]])[drop]
    # Ink thins towards the middle of a drop and gathers at its rim; a pale hair parts the drops.
    ink = ink * (1 + 0.10 * (0.5 - rim))[..., None]
    ink = mix(ink, rgb("#f6ecd6"), 0.35 * step(rim, 0.94, 1.0))
    gold = (drop % 11 == 4) & (rim > 0.55)
    ink = np.where(
        gold[..., None], rgb("#d9a638") * (0.85 + 0.25 * fractal(random, side, 160, 2)[..., None]), ink
    )
    speck = fractal(random, side, 130, 3)
    ink = mix(ink, rgb("#f6ecd6"), 0.5 * step(speck, 2.5, 3.2))
    fibre, _ = relief(blur(fractal(random, side, 110, 3), side / 1500), side / 1300)
    tone = (0.78 + 0.22 * fibre) * (1 + 0.018 * speck + 0.03 * fractal(random, side, 4, 3))
    return picture(ink * tone[..., None], size)
