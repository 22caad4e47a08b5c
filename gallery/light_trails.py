"""Light trails: a long exposure of neon and aurora over wet darkness."""

from __future__ import annotations

import numpy as np
from PIL import Image

from gallery.light import picture
from gallery.noise import blur, fractal, grid, sample, scattered
from gallery.palette import Array, ramp, rgb

_NEON = ["#ff2bd6", "#ff4d6d", "#ff9e2c", "#ffe66d", "#2cffc8", "#23b5ff", "#5a4bff", "#b833ff"]


def _expose(side: int, points: Array, light: Array) -> Array:
    """All the light that falls on each pixel: points (M, 2) from 0 to 1 with colours (M, 3)."""
    columns = (points[:, 0] * side).astype(np.int64)
    rows = (points[:, 1] * side).astype(np.int64)
    kept = (columns >= 0) & (rows >= 0) & (columns < side) & (rows < side)
    place = rows[kept] * side + columns[kept]
    planes = [np.bincount(place, weights=light[kept, i], minlength=side * side) for i in range(3)]
    return np.stack(planes, axis=-1).reshape(side, side, 3).astype(np.float32)


def draw(random: np.random.Generator, size: int) -> Image.Image:
    """Draw the exposure."""
    side = size * 2
    x, y = grid(side)
    potential = fractal(random, 512, 2, 3) + 0.9 * np.sin(grid(512)[0] * 5)
    angle = np.arctan2(*np.gradient(potential)) + np.pi / 2
    hue = fractal(random, 512, 2, 3)
    fine = 3000
    total = np.zeros((side, side, 3), dtype=np.float32)
    # Bundles: every lamp is many threads that run side by side, drift apart and flicker.
    for bundles, threads, spread, power, steps in (
        (46, 26, 0.016, 1.0, 900),
        (260, 3, 0.003, 0.9, 520),
        (900, 1, 0.0, 0.7, 240),
    ):
        hearts = np.repeat(scattered(random, bundles, 0.1), threads, axis=0)
        tint = np.repeat(random.normal(0, 0.13, bundles), threads) + random.normal(
            0, 0.035, bundles * threads
        )
        points = hearts + random.normal(0, spread, hearts.shape)
        strength = power * random.gamma(1.6, 0.6, len(points))
        rate, phase = random.uniform(0.01, 0.07, len(points)), random.uniform(0, 6.3, len(points))
        shift = sample(hue, hearts) * 0.22 + tint + 0.5
        for sign in (-1, 1):
            track = points.copy()
            for number in range(steps // 2):
                turn = sample(angle, np.clip(track, 0, 0.9999))
                track = track + sign * 0.0012 * np.stack([np.cos(turn), np.sin(turn)], axis=1)
                if number % 60 == 0:
                    trail: list[Array] = []
                    glow: list[Array] = []
                flicker = (0.55 + 0.45 * np.sin(number * rate + phase)) * (
                    1 - number / (steps / 2)
                ) ** 0.5
                colours = ramp([*_NEON, _NEON[0]], (shift + 0.0004 * number * sign) % 1)
                for part in (0.0, 0.5):
                    back = track - sign * part * 0.0012 * np.stack([np.cos(turn), np.sin(turn)], axis=1)
                    trail.append(back)
                    glow.append(colours**2 * (strength * flicker)[:, None])
                if number % 60 == 59 or number == steps // 2 - 1:
                    total += _expose(side, np.concatenate(trail), np.concatenate(glow))
    sparks = random.uniform(0, 1, (fine, 2))
    total += 26 * _expose(
        side, sparks, ramp(_NEON, random.uniform(0, 1, fine)) * random.gamma(0.5, 1, fine)[:, None]
    )

    # The lens: a sharp core and wider and wider halos of the same light.
    light = np.zeros_like(total)
    for radius, share in ((0.0007, 0.80), (0.0020, 0.70), (0.007, 0.50), (0.025, 0.36), (0.08, 0.22)):
        light += share * np.stack([blur(total[..., i], radius * side) for i in range(3)], axis=-1)
    curtain = np.sin(x * 40 + 5 * fractal(random, side, 3, 3)) * 0.5 + fractal(random, side, 5, 4) * 0.4
    night = ramp(["#0a0620", "#1b0f4a", "#0f3a6b", "#12806f"], 0.40 + 0.20 * curtain + 0.15 * (0.5 - y))
    exposed = 0.55 * night**2 + light * 0.50
    # Film: bright colours burn out towards white instead of being cut off.
    luminance = exposed.mean(-1, keepdims=True)
    burnt = exposed + 0.16 * np.maximum(luminance - 0.7, 0) * rgb("#fff4e6")
    toned = 1 - np.exp(-1.7 * np.maximum(burnt - 0.03, 0) ** 1.15)
    film = 1 + 0.035 * fractal(random, side, 300, 1)
    return picture(toned * film[..., None], size)
