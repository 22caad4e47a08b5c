"""Paper strata: contour upon contour of cut paper, each sheet casting its shadow on the next."""

from __future__ import annotations

import numpy as np
from PIL import Image

from gallery.light import picture, relief
from gallery.noise import blur, fractal, grid, step
from gallery.palette import Array, mix, ramp, rgb

_SHEETS = [
    "#0b2a45",
    "#0f4f66",
    "#1c7c7d",
    "#58a88a",
    "#b5cf9a",
    "#f4e3b0",
    "#f7b267",
    "#f4845f",
    "#d6455d",
    "#8c2f66",
    "#4a1f58",
]
_LAYERS = 14


def _land(random: np.random.Generator, side: int) -> Array:
    """A smooth landscape between 0 and 1, folded so that no plain is left."""
    x, y = grid(side)
    warp_x, warp_y = fractal(random, side, 3, 2), fractal(random, side, 3, 2)
    folded = np.sin(x * 11 + 1.3 * warp_x) + np.sin(y * 12 + 1.3 * warp_y + 1.5 * np.sin(x * 5))
    land = folded * 0.55 + 0.55 * fractal(random, side, 6, 3, 0.42)
    land = blur(land, side / 220)
    rank = np.interp(land.ravel(), np.quantile(land, np.linspace(0, 1, 65)), np.linspace(0, 1, 65))
    return np.asarray(rank.reshape(side, side), dtype=np.float32)


def draw(random: np.random.Generator, size: int) -> Image.Image:
    """Draw the relief."""
    side = size * 2
    land = _land(random, side)
    fibre = fractal(random, side, 140, 3)
    felt = fractal(random, side, 30, 4)
    grain, _ = relief(blur(fibre, side / 1400), side / 900)
    # Patterns are pierced or printed on some sheets, and follow the contours.
    x, y = grid(side)
    colour = np.broadcast_to(rgb(_SHEETS[0]), (side, side, 3)) * (1 + 0.03 * felt)[..., None]
    pool = step(np.abs((land * _LAYERS * 6) % 1 - 0.5), 0.16, 0.08)
    colour = mix(colour, rgb("#1c6f86"), 0.6 * pool)
    for number in range(1, _LAYERS):
        level = number / _LAYERS
        rough = land + 0.0022 * fractal(random, side, 24, 3)
        depth = rough - level
        sheet = step(depth, -0.0012, 0.0012)
        # The lamp stands at the upper left: shadows fall to the lower right, soft far from the edge.
        shadow = np.zeros_like(land)
        for reach, soft, dark in ((0.0035, 0.0012, 0.34), (0.009, 0.004, 0.26)):
            offset = max(1, round(reach * side))
            moved = np.pad(sheet, ((offset, 0), (offset, 0)), mode="edge")[:side, :side]
            shadow = 1 - (1 - shadow) * (1 - dark * blur(moved, soft * side))
        below = colour * (1 - shadow * (1 - sheet))[..., None] ** np.array(
            [0.85, 1.0, 1.05], dtype=np.float32
        )
        face = (
            ramp(_SHEETS, np.array([level]))[0] * (1 + 0.035 * np.roll(felt, 37 * number, 0))[..., None]
        )
        ink = np.clip(
            rgb(_SHEETS[0]) * 0.3 + ramp(_SHEETS, np.array([(level + 0.3) % 1]))[0] * 0.7, 0, 1
        )
        within = depth * _LAYERS
        if number % 4 == 1:
            pattern = step(np.abs(within % 0.25 - 0.125), 0.045, 0.025)
        elif number % 4 == 2:
            pattern = step(
                np.hypot((x * 62 + 0.5 * np.floor(y * 62)) % 1 - 0.5, (y * 62) % 1 - 0.5), 0.24, 0.18
            )
        elif number % 4 == 3:
            pattern = step(np.abs(((x + y) * 70) % 1 - 0.5), 0.16, 0.10)
        else:
            pattern = np.zeros_like(land)
        face = mix(face, ink, 0.42 * pattern * step(within, 0.08, 0.14))
        # The cut edge catches the light where it faces the lamp, and shows the paper's core.
        core = step(np.abs(depth - 0.0022), 0.0022, 0.0008) * 0.55
        face = mix(face, rgb("#fff6e6"), core * 0.7)
        colour = mix(below, face, sheet)
    return picture(colour * (0.62 + 0.38 * grain)[..., None] * 1.04, size)
