"""Wet petals: transparent washes of watercolour, petal over petal, on rough paper."""

from __future__ import annotations

import numpy as np
from PIL import Image

from gallery.light import picture, relief
from gallery.noise import blur, fractal, grid, scattered, step
from gallery.palette import Array, rgb, table, vary

_GROUNDS = ["#8fcbe0", "#b5dcc6", "#f9dc9c", "#7fb9dc", "#d3e3a6", "#f7c9a8"]
_PETALS = ["#d6336c", "#e8590c", "#7048c8", "#2b6cc4", "#c2255c", "#f08c00", "#9c36b5"]
_LEAVES = ["#2b7a4b", "#4c8c2b", "#1f6f78", "#6b8e23", "#20555c"]
#: Blossoms: x, y, length of a petal. They touch and overlap, and leave no corner empty.
_BLOSSOMS = (
    (0.30, 0.30, 0.20), (0.73, 0.24, 0.17), (0.62, 0.64, 0.22), (0.20, 0.72, 0.18), (0.92, 0.52, 0.15),
    (0.05, 0.42, 0.13), (0.45, 0.03, 0.13), (0.40, 0.95, 0.14), (0.92, 0.90, 0.16), (0.05, 0.05, 0.13),
    (0.96, 0.05, 0.12), (0.46, 0.48, 0.09), (0.03, 0.97, 0.12), (0.70, 0.43, 0.07), (0.30, 0.54, 0.08),
)  # fmt: skip


class _Sheet:
    """A sheet of paper and the light it lets through: each wash multiplies it."""

    def __init__(self, random: np.random.Generator, side: int) -> None:
        self.random = random
        self.side = side
        self.x, self.y = grid(side)
        self.rough = fractal(random, side, 20, 4)
        self.wet = fractal(random, side, 7, 4)
        self.tooth = fractal(random, side, 150, 2) + 0.5 * fractal(random, side, 300, 1)
        self.light = np.ones((side, side, 3), dtype=np.float32)

    def wash(self, inside: Array, window: tuple[slice, slice], colour: Array, strength: float) -> None:
        """One wash: `inside` is the distance into the wet shape, in picture widths."""
        wobbly = inside + 0.0022 * self.rough[window] + 0.0012 * self.tooth[window]
        cover = step(wobbly, 0.0, 0.0022)
        # Pigment is carried to the drying edge, settles in the hollows and pools where it was wettest.
        edge = np.exp(-((np.clip(wobbly - 0.002, 0, 1) / 0.0032) ** 2))
        pool = 0.62 + 0.26 * self.wet[window] + 0.75 * edge - 0.085 * self.tooth[window]
        pool = pool + 0.25 * step(wobbly, 0.055, 0.0)
        dose = (strength * cover * np.clip(pool, 0.08, 2.2))[..., None]
        absorbed = -np.log(np.clip(colour, 0.02, 0.995))
        self.light[window] *= np.exp(-absorbed * dose)

    def petal(
        self, root: Array, angle: float, length: float, width: float, colour: Array, strength: float
    ) -> None:
        """A leaf-shaped wash from `root` outwards, with veins left or drawn in."""
        tip = root + length * np.array([np.cos(angle), np.sin(angle)])
        middle, reach = (root + tip) / 2, length * 0.75
        left, top = (max(0, int((c - reach) * self.side)) for c in middle)
        right, bottom = (min(self.side, int((c + reach) * self.side)) for c in middle)
        if left >= right or top >= bottom:
            return
        window = (slice(top, bottom), slice(left, right))
        dx, dy = self.x[window] - root[0], self.y[window] - root[1]
        bend = 0.35 * self.random.normal()
        u = (dx * np.cos(angle) + dy * np.sin(angle)) / length
        v = (dy * np.cos(angle) - dx * np.sin(angle)) / length - bend * u * (1 - u) * 0.5
        outline = width * np.sqrt(np.clip(u, 0, 1)) * np.clip(1 - u, 0, 1) ** 0.45 * 1.35
        inside = (outline - np.abs(v)) * length * 0.75
        self.wash(np.where((u > 0) & (u < 1), inside, -0.02), window, colour, strength)
        # A second, smaller touch dropped in while wet: no edge of its own.
        soft = step(inside, 0.01, 0.05) * np.clip(1.1 - u * 1.5, 0, 1)
        absorbed = -np.log(np.clip(colour * rgb("#b08cd8"), 0.02, 1))
        self.light[window] *= np.exp(-absorbed * (0.5 * strength * soft)[..., None])
        vein = step(np.abs(v) - 0.0, 0.010, 0.002) + step(
            np.abs(np.sin((u - np.abs(v) * 1.4) * 22)), 0.22, 0.05
        )
        fine = np.clip(vein, 0, 1) * step(inside, 0.004, 0.012) * (u > 0.05)
        self.light[window] *= np.exp(-absorbed * (0.22 * strength * fine)[..., None])


def draw(random: np.random.Generator, size: int) -> Image.Image:
    """Draw the flowers."""
    side = size * 2
    sheet = _Sheet(random, side)
    whole = (slice(None), slice(None))
    for number, place in enumerate(scattered(random, 16)):
        reach = random.uniform(0.15, 0.26)
        blot = (
            reach
            - np.hypot(sheet.x - place[0], sheet.y - place[1])
            + 0.045 * np.roll(sheet.wet, random.integers(0, side, 2), (0, 1))
        )
        sheet.wash(blot, whole, rgb(_GROUNDS[number % len(_GROUNDS)]), 0.85)
    for x, y, length in _BLOSSOMS:
        turn = random.uniform(0, 2 * np.pi)
        for k in range(9):
            colour = vary(random, table(_LEAVES)[[random.integers(0, len(_LEAVES))]], 0.04, 0.2, 0.15)[
                0
            ]
            angle = turn + 2 * np.pi * k / 9 + random.normal(0, 0.2)
            root = np.array([x, y]) + 0.5 * length * np.array([np.cos(angle), np.sin(angle)])
            reach = length * random.uniform(0.8, 1.25)
            sheet.petal(
                root, angle, reach, random.uniform(0.18, 0.30), colour, random.uniform(0.4, 0.75)
            )
    for number, (x, y, length) in enumerate(_BLOSSOMS):
        root = np.array([x, y])
        base = table(_PETALS)[[number % len(_PETALS)]]
        # The paper is lifted (washed out) under a blossom, or the leaves would muddy it.
        away = np.hypot(sheet.x - x, sheet.y - y) + 0.012 * sheet.rough
        lifted = (0.95 * step(away, length * 0.95, length * 0.86))[..., None]
        sheet.light += (1 - sheet.light) * lifted
        turn = random.uniform(0, 2 * np.pi)
        count = int(random.integers(6, 9))
        for layer, (scale, strength) in enumerate(((1.0, 0.55), (0.68, 0.65))):
            for k in range(count):
                angle = turn + 2 * np.pi * (k + 0.5 * layer) / count + random.normal(0, 0.10)
                colour = vary(random, base, 0.04, 0.15, 0.22)[0]
                reach = length * scale * random.uniform(0.9, 1.08)
                sheet.petal(root, angle, reach, random.uniform(0.36, 0.46), colour, strength)
        for _ in range(46):
            place = root + random.normal(0, 0.13, 2) * length
            _dot(
                sheet,
                place,
                random.uniform(0.0018, 0.0048),
                rgb(("#f2b705", "#b3541e", "#3d1f3d")[random.integers(0, 3)]),
                1.5,
            )
    for place in scattered(random, 260):
        colour = table(_PETALS + _LEAVES)[random.integers(0, len(_PETALS + _LEAVES))]
        _dot(sheet, place, 0.0012 + 0.0045 * random.uniform(0, 1) ** 4, colour, 0.7)
    shade, _ = relief(blur(sheet.tooth, side / 1200), side / 1400)
    paper = rgb("#fdf8ec") * (0.80 + 0.20 * shade)[..., None]
    return picture(paper * sheet.light, size)


def _dot(sheet: _Sheet, place: Array, radius: float, colour: Array, strength: float) -> None:
    """A splash of a loaded brush."""
    left, top = (int((c - radius * 2.5) * sheet.side) for c in place)
    right, bottom = (int((c + radius * 2.5) * sheet.side) + 1 for c in place)
    if left < 0 or top < 0 or right > sheet.side or bottom > sheet.side:
        return
    window = (slice(top, bottom), slice(left, right))
    away = np.hypot(sheet.x[window] - place[0], sheet.y[window] - place[1])
    sheet.wash(radius - away, window, colour, strength)
