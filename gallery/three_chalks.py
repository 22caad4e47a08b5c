"""Three chalks: a heap of round fruit in black, red and white, hatched across toned paper."""

from __future__ import annotations

import numpy as np
from PIL import Image

from gallery.brush import Brush, Canvas, paint, trace
from gallery.light import picture, relief
from gallery.noise import blur, enlarge, fractal, grid, sample, scattered, step
from gallery.palette import Array, mix, rgb, vary

_FIELD = 768
#: Passes of hatching: chalk, tones from and to, angle, strokes on the whole sheet, length, width.
_PASSES = (
    ("#9c4528", 0.14, 0.72, -0.90, 16000, 0.060, 0.0027),
    ("#b04a28", 0.08, 0.52, -0.25, 12000, 0.055, 0.0025),
    ("#3a2320", 0.00, 0.36, -1.35, 14000, 0.058, 0.0027),
    ("#1a1514", 0.00, 0.25, 0.55, 12000, 0.050, 0.0026),
    ("#15110f", 0.00, 0.13, -0.60, 8000, 0.042, 0.0030),
    ("#f7efdf", 0.70, 1.20, -0.85, 15000, 0.048, 0.0027),
    ("#fffaf0", 0.86, 1.20, -0.30, 11000, 0.032, 0.0030),
)


def _heap(random: np.random.Generator) -> Array:
    """Four planes: tone, outline (0 to 1), and where on its fruit each point lies (-1 to 1, twice)."""
    x, y = grid(_FIELD)
    tone = np.full_like(x, 0.06)
    across, down, line = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)
    waver = 0.05 * fractal(random, _FIELD, 6, 3)
    places = scattered(random, 110, 0.06)
    for cx, cy in places[np.argsort(places[:, 1], kind="stable")]:
        radius = random.uniform(0.055, 0.105)
        squeeze, lean = random.uniform(0.85, 1.12), random.normal(0, 0.3)
        left, top = (int(np.clip(c - 1.7 * radius, 0, 1) * _FIELD) for c in (cx, cy))
        right, bottom = (int(np.clip(c + 1.7 * radius, 0, 1) * _FIELD) for c in (cx, cy))
        if left >= right or top >= bottom:
            continue
        window = np.s_[top:bottom, left:right]
        dx, dy = (x[window] - cx) / radius, (y[window] - cy) / radius
        u = dx * np.cos(lean) + dy * np.sin(lean)
        v = (dy * np.cos(lean) - dx * np.sin(lean)) / squeeze
        # A hollow at the stalk keeps them from being balls.
        dimple = 0.42 * np.exp(-((u / 0.30) ** 2 + ((v + 0.62) / 0.17) ** 2))
        away = np.sqrt(u * u + v * v) + waver[window]
        rise = np.sqrt(np.clip(1 - away * away, 0, 1))
        light = -0.55 * u - 0.62 * v + 0.56 * rise - dimple
        # Light thrown back from below lifts the edge of the shade.
        thrown = 0.16 * step(away, 0.72, 1.0) * step(u + v, 0.3, 1.0)
        fruit = np.clip(0.29 + 0.70 * light + thrown, 0.03, 1.0)
        stalk = (np.abs(u - 0.10 * (v + 0.6)) < 0.035) & (v > -1.02) & (v < -0.58)
        # The shadow it casts on those behind and beside it.
        shaded = tone[window] * (1 - 0.72 * step(np.hypot(dx - 0.22, dy - 0.18), 1.30, 0.85))
        inside = away < 1
        tone[window] = np.where(stalk, 0.02, np.where(inside, fruit, shaded))
        across[window] = np.where(inside, u, across[window])
        down[window] = np.where(inside, v, down[window])
        # The outline is firm in the shade and all but lost in the light.
        contour = step(np.abs(away - 1), 0.035, 0.010) * (0.35 + 0.65 * step(u + v, -0.8, 0.8))
        line[window] = np.maximum(np.where(inside, 0, line[window]), contour)
    fields = tone, line, np.clip(across, -1, 1), np.clip(down, -1, 1)
    return np.stack(fields).astype(np.float32)


def draw(random: np.random.Generator, size: int) -> Image.Image:
    """Draw the study."""
    side = size * 2
    tone, line, across, down = _heap(random)
    tooth = np.clip(0.70 + 0.17 * fractal(random, side, 380, 2), 0, 1)
    _, y = grid(side)
    laid = 0.5 + 0.5 * np.sin(y * 2 * np.pi * 150)
    mottle = 1 + 0.03 * fractal(random, side, 5, 4) + 0.06 * (tooth - 0.7) + 0.012 * laid
    canvas = Canvas.primed(side, rgb("#cdb594") * mottle[..., None])
    # Stumped tone first: chalk rubbed in with a finger.
    rub = blur(enlarge(tone, side, side), side / 220)
    grainy = 0.80 + 0.6 * (tooth - 0.7)
    canvas.colour = mix(canvas.colour, rgb("#8a4229"), np.clip(0.66 - rub, 0, 1) * 0.85 * grainy)
    canvas.colour = mix(canvas.colour, rgb("#241c1a"), np.clip(0.36 - rub, 0, 1) * 1.5 * grainy)
    canvas.colour = mix(canvas.colour, rgb("#f4ead6"), np.clip(rub - 0.72, 0, 1) * 1.5 * grainy)
    wrist = 0.10 * fractal(random, _FIELD, 2, 1)
    brush = Brush(
        dryness=0.35, streaks=0.08, opacity=0.82, taper=0.7, ragged=0.35, bristles=0.2
    )  # fmt: skip
    for name, low, high, turn, count, length, width in _PASSES:
        starts = scattered(random, count)
        value = sample(tone, starts) + random.normal(0, 0.045, count)
        chosen = starts[(value > low) & (value < high)]
        # The wrist bends each line around the form it lies on.
        bent = wrist + turn + 0.60 * (across * np.cos(turn) + down * np.sin(turn))
        paths = trace(chosen, bent, length * random.uniform(0.35, 0.75, len(chosen)), 10)
        widths = width * random.uniform(0.6, 1.15, len(chosen))
        colours = vary(random, np.tile(rgb(name), (len(chosen), 1)), 0.03, 0.12, 0.06)
        paint(canvas, random, paths, widths, colours, brush, tooth=tooth)
    drawn = enlarge(line, side, side) * step(tooth, 0.42, 0.62)
    canvas.colour = mix(canvas.colour, rgb("#1d1614"), np.clip(drawn, 0, 0.9))
    shade, _ = relief(tooth, side / 900)
    return picture(canvas.colour * (0.88 + 0.12 * shade)[..., None], size)
