"""Tesserae: a mosaic of sun, sky and sea whose rows of stones follow the forms."""

from __future__ import annotations

import numpy as np
from PIL import Image

from gallery.cells import cells, centred
from gallery.light import picture, relief
from gallery.noise import blur, fractal, grid, sample, scattered, slope, step
from gallery.palette import Array, mix, ramp, rgb, vary

_SUN = ["#fff0b0", "#ffd24a", "#f49a1e", "#d9551c", "#a5281c"]
_SKY = ["#f7e3b5", "#f2b98a", "#d9826b", "#8fb7b0", "#3f8f9a", "#20607f"]
_SEA = ["#0b2450", "#0f4a86", "#1477a6", "#22a3ad", "#8fd6c4", "#f4f0dc"]
_STONES = 4200


def _scene(side: int) -> tuple[Array, Array]:
    """The colour of the cartoon, and a field whose level lines the rows of stones follow."""
    x, y = grid(side)
    radius = np.hypot(x - 0.62, y - 0.33)
    turn = np.arctan2(y - 0.33, x - 0.62)
    rays = 0.5 + 0.5 * np.cos(turn * 16 + 1.2 * np.sin(radius * 16))
    sky = ramp(_SKY, (radius - 0.2) * 1.55 + 0.13 * (rays - 0.5))
    sky = mix(sky, ramp(_SUN, 0.25 + radius * 1.3), step(rays, 0.62, 0.72) * step(radius, 0.50, 0.30))
    disc = ramp(_SUN, radius / 0.17)
    disc = mix(disc, rgb("#7a1c18"), step(np.abs(radius - 0.158), 0.012, 0.008))
    disc = mix(disc, rgb("#fff3c4"), step(np.abs(radius - 0.095), 0.010, 0.006))
    colour = mix(sky, disc, step(radius, 0.171, 0.169))
    follow = radius.copy()
    # Waves, from the horizon to the beach: each hides the one behind it.
    for number in range(7):
        base = 0.56 + 0.075 * number + 0.006 * number**2
        height = 0.018 + 0.0065 * number
        swell = np.sin(x * (15 - number) + number * 2.1)
        crest = base - height * (swell + 0.35 * np.sin(2 * x * (15 - number) + number * 4.2 + 1.2))
        depth = y - crest
        band = np.clip(depth / (0.075 + 0.012 * number), 0, 1)
        water = ramp(_SEA, 0.82 - 0.85 * band + 0.06 * np.sin(depth * 160))
        water = mix(water, rgb("#f8f3df"), step(depth, 0.016 + 0.002 * number, 0.012 + 0.002 * number))
        inside = depth > 0
        colour = np.where(inside[..., None], water, colour)
        follow = np.where(inside, depth * 1.0, follow)
    return colour, follow


def draw(random: np.random.Generator, size: int) -> Image.Image:
    """Draw the mosaic."""
    side = size * 2
    colour, follow = _scene(768)
    across, down = slope(blur(follow, 2))
    angle = np.arctan2(down, across)
    points = scattered(random, _STONES, 0.0)
    for _ in range(7):
        points = centred(points, cells(points, 384, 0.032, sample(angle, points)))
    turned = sample(angle, points) + random.normal(0, 0.06, _STONES)
    found = cells(points, side, 0.026, turned)

    smooth = np.stack([blur(colour[..., i], 3) for i in range(3)], axis=-1)
    stones = vary(random, sample(smooth, points), 0.045, 0.18, 0.12)
    # Here and there a stone of gold leaf under glass.
    gilt = random.uniform(0, 1, _STONES) < 0.035
    stones = np.where(gilt[:, None], vary(random, np.tile(rgb("#e9bd4a"), (_STONES, 1)), 0.06), stones)

    gap = found.border / side + 0.0006 * fractal(random, side, 120, 2) * 0.5
    top = step(gap, 0.0010, 0.0019)
    bevel = np.clip(gap / 0.0042, 0, 1) ** 0.7
    tilt = random.normal(0, 1, (_STONES, 2)).astype(np.float32)
    x, y = grid(side)
    lean = tilt[found.index, 0] * (x - points[found.index, 0]) + tilt[found.index, 1] * (
        y - points[found.index, 1]
    )
    vein = fractal(random, side, 48, 5)
    height = bevel * 1.0 + lean * 28 + 0.05 * vein
    shade, shine = relief(np.where(top > 0.02, height, 0), side / 330, gloss=30)
    tone = 1 + 0.075 * vein * (0.5 + 0.5 * random.uniform(0, 1, _STONES)[found.index])
    face = stones[found.index] * (tone * (0.45 + 0.55 * shade))[..., None]
    face += (0.30 * (shine - np.median(shine)))[..., None] * rgb("#fff6e0")
    sand = 1 + 0.10 * fractal(random, side, 150, 3) + 0.08 * fractal(random, side, 10, 3)
    shadow = 0.72 + 0.28 * step(blur(top, side / 500), 0.9, 0.3)
    grout = rgb("#b9a789") * (sand * shadow * 0.78)[..., None]
    return picture(mix(grout, face, top), size)
