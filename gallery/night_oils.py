"""Night wind: thick oil strokes along whirling currents, deep blues with golden lights."""

from __future__ import annotations

import numpy as np
from PIL import Image

from gallery.brush import Brush, Canvas, paint, trace
from gallery.light import lit, picture
from gallery.noise import fractal, grid, sample, scattered, step
from gallery.palette import Array, mix, ramp, table, vary

_SKY = ["#0b1640", "#12307a", "#1f57a8", "#3f86c4", "#7fb8d0", "#d5dfbd"]
_GOLD = ["#b5651d", "#e09a1f", "#f5c542", "#fff0a8"]
_LAND = ["#0a2038", "#12505a", "#2f7f62", "#8aa544", "#e0b84a"]
#: Whirls: x, y, reach, turn (the sign tells the direction).
_WHIRLS = (
    (0.36, 0.34, 0.20, 1.0),
    (0.66, 0.46, 0.15, -1.0),
    (0.08, 0.60, 0.12, -0.8),
    (0.93, 0.70, 0.12, 0.9),
)
#: Lights: x, y, radius.
_LIGHTS = (
    (0.83, 0.17, 0.085), (0.12, 0.13, 0.05), (0.57, 0.12, 0.04), (0.20, 0.44, 0.035),
    (0.87, 0.44, 0.04), (0.47, 0.60, 0.035), (0.33, 0.08, 0.022), (0.70, 0.29, 0.022),
    (0.97, 0.30, 0.03), (0.03, 0.32, 0.028), (0.70, 0.64, 0.025), (0.27, 0.64, 0.022),
)  # fmt: skip


def _currents(random: np.random.Generator, side: int) -> tuple[Array, Array, Array]:
    """The angle of the wind, the golden glow of the lights, and the height of the land's edge."""
    x, y = grid(side)
    along = 1 + 0.0 * x
    down = 0.35 * np.sin(x * 7 + 1) + 0.25 * fractal(random, side, 3, 3)
    for cx, cy, reach, turn in _WHIRLS:
        dx, dy = x - cx, y - cy
        pull = 3.2 * turn * np.exp(-(dx**2 + dy**2) / reach**2) / reach
        along, down = along - dy * pull, down + dx * pull
    glow = np.zeros_like(x)
    for cx, cy, radius in _LIGHTS:
        dx, dy = x - cx, y - cy
        distance = np.sqrt(dx**2 + dy**2) + 1e-5
        near = 4 * np.exp(-((distance / (radius * 1.7)) ** 2))
        along, down = along - dy / distance * near, down + dx / distance * near
        # The flame has a kernel and rings around it, as a wet eye sees a lamp.
        rings = 0.72 + 0.28 * np.cos(distance / radius * 8)
        glow = np.maximum(glow, np.exp(-((distance / (radius * 1.25)) ** 2)) * rings)
        glow = np.maximum(glow, step(distance, radius * 0.5, radius * 0.35))
    edge = 0.80 + 0.05 * np.sin(x * 5 + 0.4) + 0.03 * np.sin(x * 13 + 2)
    land = y - edge
    slope = 0.25 * np.cos(x * 5 + 0.4) + 0.6 * np.sin(land * 40)
    hills = step(land, -0.01, 0.015)
    along, down = along * (1 - hills) + hills, down * (1 - hills) + slope * hills
    return np.arctan2(down, along), glow, land


def draw(random: np.random.Generator, size: int) -> Image.Image:
    """Draw the night."""
    side = size * 2
    angle, glow, land = _currents(random, side)
    tone = fractal(random, side, 4, 3)
    bands = np.sin(tone * 2.2 + angle * 1.5)
    canvas = Canvas.primed(
        side, mix(ramp(_SKY, 0.25 + 0.1 * tone), ramp(_GOLD, glow), step(glow, 0.2, 0.4))
    )
    passes = ((1500, 0.14, 0.030), (3600, 0.10, 0.017), (6500, 0.075, 0.0105), (4200, 0.05, 0.0065))
    for number, (count, length, width) in enumerate(passes):
        starts = scattered(random, count)
        lengths = length * random.uniform(0.6, 1.2, count)
        light = sample(glow, starts)
        value = (
            0.42
            + 0.17 * sample(bands, starts)
            + 0.1 * sample(tone, starts)
            + random.normal(0, 0.11, count)
        )
        depth = sample(land, starts)
        colours = ramp(_SKY, value)
        colours = mix(
            colours,
            ramp(_LAND, (value - 0.1) * 1.15 + 0.25 * np.sin(depth * 40 + starts[:, 0] * 9)),
            (depth > 0).astype(np.float32),
        )
        gold = ramp(_GOLD, light * 1.05 + random.normal(0, 0.1, count))
        colours = mix(colours, gold, step(light + random.normal(0, 0.06, count), 0.18, 0.42))
        # A few strokes out of key keep the blues awake.
        stray = random.uniform(0, 1, count) < (0.035 if number > 0 else 0)
        spice = table(["#e8b33c", "#8fd0c0", "#c96f4a", "#efe6c0", "#6a5aa8"])
        colours = np.where(stray[:, None], spice[random.integers(0, 5, count)], colours)
        near = step(light, 0.1, 0.3)
        paint(
            canvas,
            random,
            trace(starts, angle, lengths * (1 - 0.55 * near)),
            width * random.uniform(0.7, 1.25, count) * (1 - 0.3 * near),
            vary(random, colours, 0.025, 0.12, 0.10),
            Brush(dryness=0.25, streaks=0.16, body=1 + 0.25 * number, taper=0.6),
            vary(random, colours, 0.09, 0.2, 0.30),
        )
    return picture(lit(canvas.colour, canvas.height, side / 420, 0.75, 0.35) * 1.04, size)
