"""Broken planes: overlapping facets that fade into each other, in earths with blue and rust."""

from __future__ import annotations

import numpy as np
from PIL import Image

from gallery.brush import Brush, Canvas, paint, trace
from gallery.light import canvas_weave, lit, picture
from gallery.noise import fractal, grid, sample, scattered, step
from gallery.palette import Array, mix, ramp, rgb, table, vary

_EARTHS = ["#1f1815", "#54402f", "#8f6a42", "#c49a5e", "#e6cb96", "#faf0d4"]
_ACCENTS = ["#4a7fa0", "#a9502f", "#1f4468", "#8fa9b5", "#c98a3f", "#5f7f86", "#2c3f52"]
#: A few directions shared by all planes hold the picture together.
_LEADING = (0.35, 1.25, 2.05, 2.75)
_FACETS = 240


def _facet(random: np.random.Generator, u: Array, v: Array, long: float, wide: float) -> Array:
    """How deep points lie inside one facet of a random shape, given along and across it."""
    skew = random.normal(0, 0.45)
    kind = random.uniform()
    if kind < 0.58:  # a leaning quadrilateral
        leaning = wide - np.abs(v) * (1 + 0.8 * skew * u / long)
        return np.asarray(np.minimum(long - np.abs(u + skew * v), leaning))
    if kind < 0.80:  # a triangle
        sides = np.minimum(wide * 1.3 - v - 0.5 * u, wide * 1.3 + v - 0.5 * u)
        return np.asarray(np.minimum(u + long, sides))
    # A slice of a disc, as of the shoulder of a guitar.
    return np.asarray(np.minimum(wide * 1.3 - np.sqrt(u * u + v * v), v + 0.3 * wide))


def _facets(random: np.random.Generator, side: int) -> tuple[Array, Array]:
    """The planes with their drawn lines (a picture), and the direction a brush takes on each."""
    x, y = grid(side)
    colour = ramp(_EARTHS, 0.45 + 0.16 * fractal(random, side, 4, 2))
    angle = np.full_like(x, 0.8)
    for number, (cx, cy) in enumerate(scattered(random, _FACETS)):
        shrink = 1.08 - 0.74 * (number / _FACETS) ** 0.6
        turn = _LEADING[random.integers(0, 4)] + random.normal(0, 0.05)
        long, wide = random.uniform(0.14, 0.28) * shrink, random.uniform(0.07, 0.17) * shrink
        reach = 1.4 * max(long, wide)
        left, top = (int(np.clip(c - reach, 0, 0.999) * side) for c in (cx, cy))
        right, bottom = (int(np.clip(c + reach, 0.001, 1) * side) + 1 for c in (cx, cy))
        window = np.s_[top:bottom, left:right]
        dx, dy = x[window] - cx, y[window] - cy
        u, v = dx * np.cos(turn) + dy * np.sin(turn), dy * np.cos(turn) - dx * np.sin(turn)
        # The window's own edge bounds the facet too, a little inside, or it would be cut off unseen.
        bound = 0.96 * reach - np.maximum(np.abs(dx), np.abs(dy))
        inside = np.minimum(_facet(random, u, v, long, wide), bound)
        across = np.clip(0.5 + 0.5 * u / long, 0, 1)
        if random.uniform() < 0.5:
            across = 1 - across
        if random.uniform() < 0.30:
            base = vary(random, table(_ACCENTS)[[random.integers(0, len(_ACCENTS))]], 0.05, 0.1, 0.08)[
                0
            ]
            plane = base * (0.40 + 0.95 * across)[..., None]
        else:
            plane = ramp(_EARTHS, random.uniform(0.12, 0.88) + (across - 0.6) * 0.75)
        # Passage: one side of the plane is firm, the other dissolves into what lies behind.
        share = step(inside, 0, 0.0012) * (0.12 + 0.88 * step(across, 0.05, 0.62))
        # A shade under the firm edge lifts the plane off those behind it.
        cast = step(-inside, 0.018, 0.0) * (inside < 0) * step(across, 0.35, 0.7)
        below = colour[window] * (1 - 0.45 * cast)[..., None]
        edge = (
            step(np.abs(inside), 0.0024, 0.0010) * step(across, 0.25, 0.70) * random.uniform(0.4, 1.0)
        )
        if random.uniform() < 0.15:  # strings, stripes or a hatched shade
            strings = step(np.abs(((v * 95) % 1) - 0.5), 0.15, 0.06) * step(inside, 0.004, 0.006)
            edge = np.maximum(edge, strings * 0.75 * step(across, 0.30, 0.6))
        colour[window] = mix(mix(below, plane, share * 0.96), rgb("#1a1412"), edge * 0.9)
        angle[window] = np.where(share > 0.5, turn + np.pi / 2 * (number % 2), angle[window])
    return colour, angle


def draw(random: np.random.Generator, size: int) -> Image.Image:
    """Draw the still life."""
    side = size * 2
    cartoon, angle = _facets(random, side)
    canvas = Canvas.primed(side, cartoon)
    for count, length, width, opacity in ((5500, 0.034, 0.015, 0.45), (9500, 0.019, 0.0090, 0.55)):
        starts = scattered(random, count)
        colours = vary(random, sample(cartoon, starts), 0.03, 0.15, 0.12)
        brush = Brush(
            dryness=0.3, streaks=0.08, body=0.7, opacity=opacity, taper=0.0, ragged=0.2, bristles=0.07
        )
        paths = trace(starts, angle, length * random.uniform(0.7, 1.2, count), 4)
        widths = width * random.uniform(0.8, 1.2, count)
        paint(canvas, random, paths, widths, colours, brush, vary(random, colours, 0.06, 0.2, 0.3))
    # The drawing comes through the paint again.
    colour = mix(canvas.colour, cartoon, 0.35)
    weave = 0.10 * canvas_weave(side, 170)
    return picture(lit(colour, canvas.height + weave, side / 1500, 0.6, 0.12) * 1.08, size)
