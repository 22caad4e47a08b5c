"""Riverside dots: an afternoon by the water in small touches of unmixed, complementary colours."""

from __future__ import annotations

import numpy as np
from PIL import Image

from gallery.brush import Brush, Canvas, paint, trace
from gallery.light import lit, picture
from gallery.noise import fractal, grid, sample, scattered, step
from gallery.palette import Array, complement, mix, ramp, rgb, table, vary

_SKY = ["#6aa5d8", "#9cc7e4", "#d9e2d2", "#fbe3b4", "#f9c08c"]
_TREES = ["#123a5a", "#1c6158", "#3d8a4a", "#8fb53f", "#e6d25a"]
_GRASS = ["#2a5f7a", "#3f8f5a", "#8fbf4a", "#e3d75a", "#f6c25a"]
#: Groves: middle, half width, height of the top.
_GROVES = ((0.02, 0.17, 0.08), (0.24, 0.11, 0.25), (0.96, 0.13, 0.17), (0.83, 0.07, 0.35))
_FLOWERS = ["#e2466a", "#f28a2e", "#f7d648", "#f4f0ea", "#8a5ac8", "#d83a2e"]


def _scene(random: np.random.Generator, side: int) -> Array:
    """The cartoon: sky, far hills, groves, the river with its reflections, a meadow in flower."""
    x, y = grid(side)
    cloud = fractal(random, side, 4, 4)
    leaf = fractal(random, side, 14, 3)
    sun = np.exp(-(((x - 0.70) / 0.22) ** 2 + ((y - 0.20) / 0.2) ** 2))
    sky = ramp(_SKY, y * 1.5 + 0.10 * cloud + 0.5 * sun)
    sky = mix(sky, rgb("#fffbe6"), step(np.hypot(x - 0.70, y - 0.20), 0.065, 0.045))
    hill = 0.36 + 0.035 * np.sin(x * 9 + 1) + 0.02 * np.sin(x * 21)
    land = mix(
        sky,
        ramp(["#7d6fb8", "#9a8fcf", "#c9a9c9"], 0.5 + 0.3 * cloud - x * 0.3),
        step(y, hill, hill + 0.01),
    )
    shore = 0.53
    for cx, width, top in (
        (0.02, 0.17, 0.08),
        (0.24, 0.11, 0.25),
        (0.42, 0.07, 0.36),
        (0.96, 0.13, 0.17),
        (0.83, 0.07, 0.35),
    ):
        middle, tall = (top + shore) / 2, (shore - top) / 2
        round_ = ((x - cx) / width) ** 2 + ((y - middle) / tall) ** 2 + 0.22 * leaf
        sunny = 0.42 + 0.85 * (x - cx) / width * 0.4 - 0.7 * (y - middle) / tall * 0.35 + 0.20 * leaf
        land = mix(land, ramp(_TREES, sunny), step(round_, 1.08, 0.95))
    land = mix(land, ramp(_GRASS, 0.55 + 0.2 * leaf), step(y, shore - 0.035, shore - 0.02))
    # The river mirrors what stands above the shore, shaken sideways.
    shaken = x + 0.012 * np.sin(y * 190 + 3 * cloud)
    mirrored = sample(land, np.stack([shaken, 2 * shore - y - 0.02], axis=-1))
    ripples = step(np.sin(y * 230 + 5 * cloud + 6 * x), 0.55, 0.95) * step(y, shore, 0.75)
    water = mix(mirrored, rgb("#2f6fb5"), 0.28)
    water = mix(water, rgb("#fff0c0"), ripples * (0.25 + 0.6 * np.exp(-(((x - 0.70) / 0.1) ** 2))))
    scene = mix(land, water, step(y, shore - 0.004, shore + 0.004))
    bank = 0.80 - 0.10 * x + 0.03 * np.sin(x * 8 + 2) + 0.012 * leaf
    meadow = ramp(_GRASS, 0.48 + 1.2 * (y - bank) + 0.17 * leaf + 0.08 * cloud)
    return mix(scene, meadow, step(y, bank, bank + 0.012))


def draw(random: np.random.Generator, size: int) -> Image.Image:
    """Draw the afternoon."""
    side = size * 2
    scene = _scene(random, 768)
    heading = fractal(random, 768, 5, 2) * 1.2
    canvas = Canvas.primed(side, rgb("#e9d9b8"))
    passes = ((4500, 0.0240, 0.06), (8500, 0.0155, 0.18), (13000, 0.0115, 0.28), (11000, 0.0085, 0.26))
    for number, (count, width, foreign) in enumerate(passes):
        starts = scattered(random, count)
        local = sample(scene, starts)
        colours = vary(random, local, 0.055, 0.30, 0.42)
        # Simultaneous contrast: some touches take the opposite hue, a little lighter or darker.
        turned = vary(random, complement(local), 0.08, 0.25, 0.35)
        colours = np.where((random.uniform(0, 1, count) < foreign * 0.6)[:, None], turned, colours)
        low = starts[:, 1] > 0.80 - 0.10 * starts[:, 0] + 0.05
        bloom = low & (random.uniform(0, 1, count) < (0.10 if number > 0 else 0))
        flowers = vary(random, table(_FLOWERS)[random.integers(0, len(_FLOWERS), count)], 0.03)
        colours = np.where(bloom[:, None], flowers, colours)
        lengths = width * random.uniform(0.85, 1.25, count)
        paths = trace(starts, heading + random.normal(0, 0.2, heading.shape), lengths, 4)
        widths = width * random.uniform(0.85, 1.1, count)
        brush = Brush(dryness=0.05, streaks=0.07, body=1.0, opacity=0.96, taper=0.0, ragged=0.3)
        paint(canvas, random, paths, widths, colours.astype(np.float32), brush)
    weave = 0.06 * fractal(random, side, 200, 2)
    return picture(lit(canvas.colour, canvas.height + weave, side / 520, 0.6, 0.25), size)
