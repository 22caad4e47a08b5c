"""Wild colours: a southern bay in broad daubs, every colour pushed as far as it goes."""

from __future__ import annotations

import numpy as np
from PIL import Image

from gallery.brush import Brush, Canvas, paint, trace
from gallery.light import canvas_weave, lit, picture
from gallery.noise import fractal, grid, sample, scattered, step
from gallery.palette import Array, mix, ramp, rgb, vary

#: Trees: x of the foot, y of the foot, x of the head, y of the head, radius of the crown.
_TREES = (
    (0.13, 1.00, 0.20, 0.30, 0.19), (0.86, 1.02, 0.82, 0.36, 0.17), (0.42, 0.86, 0.40, 0.50, 0.085),
    (0.66, 0.80, 0.67, 0.53, 0.065),
)  # fmt: skip
_BRUSH = Brush(
    dryness=0.55, streaks=0.13, unmixed=0.75,
    body=1.1, opacity=0.95, taper=0.15, ragged=0.3, bristles=0.075
)  # fmt: skip
#: Strokes: how many, how long, how wide; broad first.
_PASSES = ((1500, 0.080, 0.040), (2300, 0.060, 0.027), (2600, 0.042, 0.0185), (1500, 0.028, 0.012))


def _scene(random: np.random.Generator, side: int) -> tuple[Array, Array]:
    """The cartoon and the direction of the brush."""
    x, y = grid(side)
    slow, quick = fractal(random, side, 4, 3), fractal(random, side, 13, 2)
    sky = ramp(["#1fa6b8", "#6fd0c0", "#f7e27a", "#ffb26b", "#ff7d8a"], y / 0.46 + 0.10 * slow)
    angle = 0.25 + 0.5 * slow

    hills = 0.36 - 0.07 * np.sin(x * 6.5 + 0.4) - 0.025 * np.sin(x * 17)
    inside = y > hills
    colour = np.where(
        inside[..., None],
        ramp(["#5b2a8c", "#a23fb0", "#e85a9a", "#ff9a6b"], 0.45 + 0.25 * quick + (y - hills) * 2),
        sky,
    )
    angle = np.where(inside, 0.9 + 0.7 * np.sin(x * 11), angle)
    sea = 0.465 + 0.004 * np.sin(x * 30)
    inside = y > sea
    wave = ramp(
        ["#0d3fa8", "#1479d8", "#19b8c4", "#7fe3c8"],
        0.35 + 0.25 * np.sin(y * 120 + 4 * slow + 5 * x) + 0.15 * quick,
    )
    wave = mix(
        wave,
        rgb("#ffc46b"),
        step(np.abs(x - 0.56 + 0.02 * quick), 0.07, 0.0) * step(np.sin(y * 150 + 3 * slow), 0.0, 0.5),
    )
    colour = np.where(inside[..., None], wave, colour)
    angle = np.where(inside, 0.08 * quick, angle)
    shore = 0.63 + 0.06 * np.sin(x * 4.2 + 2.2) + 0.015 * quick
    inside = y > shore
    fields = ramp(
        ["#0f7a4a", "#5fb83a", "#d8dc3f", "#ffb52e", "#f2602c"],
        0.45 + 0.30 * np.sin(x * 9 - y * 16 + slow) + 0.16 * quick,
    )
    colour = np.where(inside[..., None], fields, colour)
    angle = np.where(inside, -0.5 + 0.9 * np.sin(x * 7 - y * 9), angle)
    path = np.abs(x - 0.55 + 0.17 * np.sin((y - 0.6) * 9)) - 0.35 * np.clip(y - 0.63, 0, 1) - 0.008
    inside = (path < 0) & (y > shore)
    colour = np.where(
        inside[..., None],
        ramp(["#e8456b", "#ff8a5c", "#ffc3a0", "#fbe0d0"], 0.45 + 0.3 * quick),
        colour,
    )
    angle = np.where(inside, 1.2 + 0.3 * quick, angle)
    for foot_x, foot_y, head_x, head_y, crown in _TREES:
        rise = np.clip((foot_y - y) / (foot_y - head_y), 0, 1)
        bow = foot_x + (head_x - foot_x) * rise + 0.035 * np.sin(rise * 4)
        trunk = (np.abs(x - bow) < crown * (0.16 - 0.08 * rise)) & (y < foot_y) & (y > head_y)
        bark = ramp(
            ["#3a1466", "#c4263f", "#ff5a36", "#ff9a3c"], 0.55 + 0.30 * quick + (bow - x) / crown * 2.2
        )
        colour, angle = (
            np.where(trunk[..., None], bark, colour),
            np.where(trunk, 1.5 + 0.2 * quick, angle),
        )
        away = np.hypot(x - head_x, (y - head_y) * 1.25) / crown + 0.16 * quick
        lit_side = 0.45 + 0.35 * (head_x - x) / crown + 0.35 * (head_y - y) / crown + 0.18 * quick
        leaf = ramp(["#14206a", "#0f5f6b", "#128a55", "#6dbb3a", "#f2d23c"], lit_side)
        inside = away < 1
        colour = np.where(inside[..., None], leaf, colour)
        angle = np.where(inside, 0.6 + 0.9 * quick + 0.5 * np.sin(x * 20), angle)
    return colour, angle


def draw(random: np.random.Generator, size: int) -> Image.Image:
    """Draw the bay."""
    side = size * 2
    cartoon, angle = _scene(random, 768)
    canvas = Canvas.primed(side, rgb("#f4e6cf"))
    for number, (count, length, width) in enumerate(
        ((1500, 0.080, 0.040), (2300, 0.060, 0.027), (2600, 0.042, 0.0185), (1500, 0.028, 0.012))
    ):
        starts = scattered(random, count)
        colours = vary(random, sample(cartoon, starts), 0.04, 0.15, 0.15)
        # Primed canvas is left open between some daubs.
        bare = random.uniform(0, 1, count) < (0.0, 0.03, 0.012, 0.0)[number]
        colours = np.where(bare[:, None], rgb("#f8ecd6"), colours)
        paint(
            canvas, random, trace(starts, angle, length * random.uniform(0.7, 1.2, count), 8),
            width * random.uniform(0.75, 1.2, count), colours.astype(np.float32),
            _BRUSH,
            vary(random, colours, 0.10, 0.2, 0.55),
        )  # fmt: skip
    weave = 0.04 * canvas_weave(side, 190)
    return picture(lit(canvas.colour, canvas.height + weave, side / 430, 0.7, 0.28) * 1.03, size)
