"""Three chalks: folds of cloth in black, red and white, hatched across toned paper."""

from __future__ import annotations

import numpy as np
from PIL import Image

from nst_core.gallery.brush import Brush, Canvas, paint, trace
from nst_core.gallery.light import picture, relief
from nst_core.gallery.noise import blur, fractal, grid, sample, scattered, slope
from nst_core.gallery.palette import Array, mix, rgb, vary


def _folds(random: np.random.Generator, side: int) -> tuple[Array, Array]:
    """How the cloth is lit (0 dark to 1 light), and the direction across its folds."""
    x, y = grid(side)
    bend, warp = fractal(random, side, 3, 3), fractal(random, side, 3, 3)
    height = np.zeros_like(x)
    # Folds radiate from two points where the cloth is held, and sag between them.
    for cx, cy, count, share in ((0.22, -0.12, 11, 1.0), (1.08, 0.25, 9, 0.9), (0.45, 1.25, 8, 0.7)):
        dx, dy = x - cx, y - cy
        distance = np.hypot(dx, dy)
        ridge = np.arctan2(dy, dx) * count + 0.75 * bend + 2.2 * np.sin(distance * 4 + warp * 0.5)
        # Sharp crests and wide valleys, as cloth falls.
        height += (
            share
            * (1 - np.abs(np.sin(ridge / 2))) ** 1.5
            * np.exp(-(((distance - 0.35) / 0.6) ** 2))
            * 0.09
        )
    height = blur(height + 0.012 * bend, side / 160)
    across, down = slope(height * side)
    shade, _ = relief(height, side * 1.0)
    tone = blur(shade, side / 90) - blur(shade, side / 6) * 0.35
    rank = (
        np.argsort(np.argsort(tone.ravel(), kind="stable"), kind="stable").reshape(tone.shape)
        / tone.size
    )
    return np.asarray(rank, dtype=np.float32), np.arctan2(down, across)


def draw(random: np.random.Generator, size: int) -> Image.Image:
    """Draw the study."""
    side = size * 2
    tone, across = _folds(random, 768)
    tooth = fractal(random, side, 170, 2) + 0.6 * fractal(random, side, 330, 1)
    tooth = np.clip(0.66 + 0.20 * tooth, 0, 1)
    _, y = grid(side)
    laid = 0.5 + 0.5 * np.sin(y * 2 * np.pi * 150)
    paper = (
        rgb("#c9b191")
        * (1 + 0.03 * fractal(random, side, 5, 4) + 0.05 * (tooth - 0.5) + 0.012 * laid)[..., None]
    )
    canvas = Canvas.primed(side, paper)
    # Stumped tone first: chalk rubbed in with a finger.
    wide = np.asarray(
        Image.fromarray(tone).resize((side, side), Image.Resampling.BICUBIC), dtype=np.float32
    )
    rub = blur(wide, side / 130)
    grainy = 0.75 + 0.5 * (tooth - 0.5)
    canvas.colour = mix(canvas.colour, rgb("#7a3a26"), np.clip(0.62 - rub, 0, 1) * 0.75 * grainy)
    canvas.colour = mix(canvas.colour, rgb("#241c1a"), np.clip(0.34 - rub, 0, 1) * 1.6 * grainy)
    canvas.colour = mix(canvas.colour, rgb("#f4ead6"), np.clip(rub - 0.72, 0, 1) * 1.5 * grainy)
    # Hatching: each pass has its colour, its range of tones, its angle to the folds.
    passes = (
        ("#9c4528", 0.20, 0.74, -0.90, 4200, 0.075, 0.0029),
        ("#b04a28", 0.10, 0.58, -0.35, 3600, 0.070, 0.0027),
        ("#3a2320", 0.00, 0.42, -1.25, 4200, 0.075, 0.0029),
        ("#1a1514", 0.00, 0.28, 0.55, 3800, 0.065, 0.0027),
        ("#15110f", 0.00, 0.14, -0.60, 3400, 0.050, 0.0031),
        ("#f7efdf", 0.68, 1.01, -0.85, 4200, 0.065, 0.0030),
        ("#fffaf0", 0.84, 1.01, -0.30, 3400, 0.045, 0.0032),
    )
    # A hand hatches from the wrist: nearly one way, a little bent around the form.
    wrist = 0.10 * fractal(random, 768, 2, 1) + 0.14 * np.sin(blur(across, 30))
    for name, low, high, turn, count, length, width in passes:
        starts = scattered(random, count * 2)
        value = sample(tone, starts) + random.normal(0, 0.035, len(starts))
        chosen = starts[(value > low) & (value < high)]
        lengths = length * random.uniform(0.6, 1.25, len(chosen))
        paint(
            canvas, random, trace(chosen, wrist + turn, lengths, 8),
            width * random.uniform(0.6, 1.15, len(chosen)),
            vary(random, np.tile(rgb(name), (len(chosen), 1)), 0.03, 0.12, 0.06),
            Brush(dryness=0.35, streaks=0.08, opacity=0.82, taper=0.7, ragged=0.35, bristles=0.2),
            tooth=tooth,
        )  # fmt: skip
    shade, _ = relief(tooth, side / 900)
    return picture(canvas.colour * (0.88 + 0.12 * shade)[..., None], size)
