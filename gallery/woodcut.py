"""Woodcut: mountains, fields and a sun, cut in lines that follow the forms; black and one red block."""

from __future__ import annotations

import numpy as np
from PIL import Image

from gallery.light import picture
from gallery.noise import blur, fractal, grid, step
from gallery.palette import Array, mix, rgb

_SUN = (0.66, 0.27)
#: Scrolls of cloud: x, y, radius.
_CLOUDS = (
    (0.16, 0.15, 0.085), (0.27, 0.19, 0.07), (0.06, 0.21, 0.07), (0.17, 0.23, 0.06),
    (0.93, 0.13, 0.06), (0.99, 0.19, 0.075), (0.88, 0.20, 0.05),
)  # fmt: skip


def _cut(phase: Array, ink: Array, wander: Array) -> Array:
    """Lines where `phase` passes whole numbers, as wide as the tone `ink` (0 to 1) asks; 1 is black.

    The edge is a ramp in units of the phase: thin lines taper to points, as a gouge leaves them.
    """
    ramp = np.abs(((phase + wander) % 1) - 0.5) * 2
    return step(ramp, ink + 0.10, ink - 0.10)


def draw(random: np.random.Generator, size: int) -> Image.Image:
    """Draw the print."""
    side = size * 2
    x, y = grid(side)
    slow = fractal(random, side, 5, 3)
    quick = fractal(random, side, 30, 3)
    wander = 0.10 * slow + 0.075 * quick
    # The gouge lifts now and then: lines break and swell along their length.
    hand = 0.07 * fractal(random, side, 22, 2) + 0.05 * fractal(random, side, 70, 2)

    dx, dy = x - _SUN[0], y - _SUN[1]
    radius, turn = np.hypot(dx, dy), np.arctan2(dy, dx)
    # Rays keep their width and new ones begin between them as they spread, or the sky would grow empty.
    ray, spread, waver = turn / (2 * np.pi), np.clip(0.22 / (radius + 1e-3), 0, 1.3), wander * 0.7
    sky = _cut(ray * 44 + 0.5, (0.34 + hand) * spread, waver)
    sky = np.maximum(
        sky, _cut(ray * 44, (0.36 + hand) * step(radius, 0.17, 0.34) * spread - 0.1, waver)
    )
    sky = np.maximum(
        sky, _cut(ray * 88, (0.75 + hand) * step(radius, 0.34, 0.60) * spread - 0.1, waver)
    )
    red = step(radius, 0.118, 0.116)
    ink = np.where(radius < 0.117, 0, sky)
    ink = np.maximum(ink, step(np.abs(radius - 0.121), 0.0055, 0.0035))
    ink = np.where((radius > 0.125) & (radius < 0.140), 0, ink)

    # Clouds: scrolls of concentric lines.
    for cx, cy, reach in _CLOUDS:
        away = np.hypot((x - cx) * 0.85, y - cy) + 0.003 * slow
        scroll = away * 60 + np.arctan2(y - cy, x - cx) / (2 * np.pi)
        inside = away < reach
        ink = np.where(
            inside, _cut(scroll, 0.16 + 0.42 * step(y - cy, -0.02, 0.06) + hand, wander * 0.4), ink
        )
        ink = np.maximum(ink, step(np.abs(away - reach), 0.0042, 0.0025))

    # Ridges from far to near; each is lit from the sun's side and hatched down its own slope.
    ochre = np.zeros_like(x)
    for number in range(7):
        far = number / 6
        base = 0.40 + 0.092 * number
        peak = 0.12 * (1 - far) + 0.035
        shape = np.sin(x * (7.5 + 2.3 * number) + 1.7 * number) + 0.5 * np.sin(
            x * (17 + number) + number
        )
        craggy = 0.016 * (1 - far) * fractal(random, side, 16, 4)[0][None, :]
        top = base - peak * 0.6 * shape - craggy
        depth = y - top
        fold = np.sin(x * (24 - 2 * number) + 3 * slow + number * 1.3) + 0.45 * quick
        lean = np.gradient(top[0])[None, :] * side
        tone = 0.44 + 0.22 * fold + 0.38 * np.tanh(lean * 1.6) - 1.4 * np.clip(0.05 - depth, 0, 0.05)
        tone = tone + 1.5 * np.clip(depth, 0, 0.22) * (0.75 - far * 0.5)
        if number < 4:
            # Steep: strokes run down the slope and fan with the folds.
            phase = (x + 0.35 * depth * np.sign(np.sin(x * 9 + number)) + 0.012 * fold) * (
                66 - 3 * number
            )
        else:
            # Fields: furrows run along the hill, closing up with distance.
            phase = np.log1p(np.clip(depth, 0, 1) * 9) * 19 + 0.30 * fold + x * 3 * (-1) ** number
        hatch = _cut(phase, np.clip(tone, 0.10, 0.93) + hand, wander)
        if number >= 4:
            # Tufts and stalks across the furrows of every other field.
            stalk = _cut(
                x * 74 + 2 * slow, 0.30 + 0.3 * np.sin(depth * 130 + 2 * fold) + hand, wander * 2
            )
            hatch = np.maximum(hatch, stalk * (0.5 + 0.5 * np.sin(depth * 90 + 1) > 0.62))
        ink = np.where(depth > 0, hatch, ink)
        ink = np.where((depth < 0) & (depth > -0.0045), 0, ink)
        ink = np.maximum(ink, step(np.abs(depth), 0.0046 + 0.0004 * number, 0.0030))
        red = np.where(depth > -0.002, 0, red)
        ochre = np.where(depth > 0, float(number in (3, 5)) * step(depth, 0.25, 0.0), ochre)

    # Printing: soft pressure, salt where the ink missed, grain of the plank, the paper's fibres.
    plank = fractal(random, side, 2, 2) * 2 + np.sin(y * 260 + 9 * fractal(random, side, 3, 2) + 3 * x)
    ink = step(blur(ink, side / 1500) + 0.05 * fractal(random, side, 160, 2), 0.40, 0.60)
    salt = step(fractal(random, side, 240, 2) + 0.15 * plank, 2.7, 2.1)
    ink *= 0.90 + 0.10 * salt - 0.025 * np.clip(plank, -2, 2)
    ink *= 0.55 + 0.45 * salt
    fibre = 1 + 0.022 * fractal(random, side, 100, 3) + 0.02 * fractal(random, side, 6, 3)
    paper = rgb("#f1e0bb") * fibre[..., None]
    worn = step(fractal(random, side, 170, 2) + 0.3 * plank, 2.4, 1.5)
    print_ = mix(paper, paper * rgb("#d8472a"), red * (0.5 + 0.45 * worn))
    print_ = mix(print_, paper * rgb("#e0a04e"), ochre * (0.45 + 0.35 * worn))
    return picture(mix(print_, rgb("#1c1714") * fibre[..., None], np.clip(ink, 0, 1)), size)
