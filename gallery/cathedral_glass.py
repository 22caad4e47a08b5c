"""Cathedral glass: a rose of leaded panes, with streaks, bubbles and painted lines in the glass."""

from __future__ import annotations

import numpy as np
from PIL import Image

from gallery.cells import cells
from gallery.light import bloom, picture, relief
from gallery.noise import blur, fractal, grid, scattered, step
from gallery.palette import Array, mix, rgb, table, vary

#: Rings of the rose: radius, number of panes, the pane colours that take turns.
_RINGS = (
    (0.0, 1, ("#ffd34d",)),
    (0.065, 8, ("#c3122f", "#e8641b")),
    (0.125, 12, ("#f6b21b", "#12389b")),
    (0.195, 24, ("#1b57c4", "#7a1fa0", "#1b57c4", "#c3122f")),
    (0.265, 24, ("#0f8f7c", "#f3d36a", "#c3122f", "#f3d36a")),
    (0.340, 36, ("#12389b", "#1f7fd1", "#d11f3f")),
    (0.405, 48, ("#f08a1d", "#8c1030", "#1b57c4", "#0d7d63")),
)
_FIELD = [
    "#12389b",
    "#1b57c4",
    "#0f8f7c",
    "#1f7fd1",
    "#7a1fa0",
    "#c3122f",
    "#f08a1d",
    "#0d5f3f",
    "#e8c34a",
]
_FIELD_SHARES = [0.2, 0.2, 0.12, 0.14, 0.08, 0.1, 0.05, 0.06, 0.05]


def _panes(random: np.random.Generator) -> tuple[Array, Array]:
    """The panes' middles and their colours: the rose first, then the field around it."""
    points, colours = [], []
    for number, (radius, count, names) in enumerate(_RINGS):
        for k in range(count):
            angle = 2 * np.pi * (k + 0.5 * (number % 2)) / count
            wobble = random.normal(0, 0.0035, 2)
            points.append(
                (0.5 + radius * np.cos(angle) + wobble[0], 0.5 + radius * np.sin(angle) + wobble[1])
            )
            colours.append(rgb(names[k % len(names)]))
    around = scattered(random, 330)
    around = around[np.hypot(*(around - 0.5).T) > 0.445]
    chosen = random.choice(len(_FIELD), len(around), p=_FIELD_SHARES)
    return np.concatenate([np.array(points), around]), np.concatenate(
        [np.stack(colours), table(_FIELD)[chosen]]
    )


def draw(random: np.random.Generator, size: int) -> Image.Image:
    """Draw the window."""
    side = size * 2
    x, y = grid(side)
    points, colours = _panes(random)
    colours = vary(random, colours, 0.05, 0.12, 0.12)
    found = cells(points, side, 0.13)
    border = found.border / side
    pane = colours[found.index]

    # Glass: streaks pulled in one direction per pane, thickness ripples, seeds (bubbles).
    streaks = np.zeros_like(x)
    for angle in (0.3, 1.4, 2.5):
        u = x * np.cos(angle) + y * np.sin(angle)
        wave = (
            np.sin(u * 120 + 2.5 * fractal(random, side, 5, 4)) * 0.6
            + fractal(random, side, 24, 3) * 0.5
        )
        streaks = np.where(found.index % 3 == int(angle), wave, streaks)
    cloud = fractal(random, side, 7, 5)
    bubbles = step(fractal(random, side, 110, 2), 2.1, 2.7)
    light = 0.98 + 0.30 * np.exp(-((x - 0.42) ** 2 + (y - 0.36) ** 2) / 0.12) - 0.14 * (x + y - 1)
    edge = step(border, 0.0, 0.022)
    level = light * (0.66 + 0.40 * edge) * (1 + 0.13 * streaks + 0.13 * cloud) + 0.35 * bubbles
    glass = pane * level[..., None]
    glass = mix(glass, np.ones(3, dtype=np.float32), 0.16 * step(level, 1.05, 1.6))
    rough, shine = relief(fractal(random, side, 40, 3) + streaks, side / 1400, gloss=50)
    glass = glass * (0.65 + 0.35 * rough)[..., None] + (0.12 * (shine - shine.mean()))[..., None]

    # Grisaille: brown-black vitreous paint, in lines that follow the pane's edge or ring its middle.
    style = random.integers(0, 5, len(points))[found.index]
    reach = found.nearest / side
    rings = np.abs(((reach * 125) % 1) - 0.5)
    echo = np.abs(((border * 170) % 1) - 0.5)
    line = np.where(
        style == 0, step(rings, 0.16, 0.08), np.where(style == 1, step(echo, 0.16, 0.08), 0)
    )
    turn = np.arctan2(y - points[found.index, 1], x - points[found.index, 0])
    petals = 0.012 + 0.006 * np.cos(turn * 6)
    line = np.maximum(line, np.where(style == 2, step(np.abs(reach - petals), 0.0020, 0.0010), 0))
    line *= step(border, 0.007, 0.009) * (0.75 + 0.2 * np.clip(cloud, -1, 1))
    glass = mix(glass, glass * rgb("#3a1c10"), line * 0.85)

    # Leading: rounded cames, wider around the rings of the rose, lit like dull metal.
    distance = np.hypot(x - 0.5, y - 0.5)
    came = border - 0.0012 * fractal(random, side, 30, 2) * 0.4
    for radius in (0.0325, 0.16, 0.303, 0.44):
        came = np.minimum(came, np.abs(distance - radius) - 0.0028)
    mask = step(came, 0.0042, 0.0030)
    round_top = np.sqrt(np.clip(1 - (np.clip(came, 0, 0.0042) / 0.0042) ** 2, 0, 1))
    metal, glint = relief(
        blur(round_top + 0.05 * fractal(random, side, 90, 2), 1.2), side / 220, gloss=12
    )
    lead = rgb("#17161a") * (0.35 + 0.75 * metal)[..., None] + 0.10 * glint[..., None] * rgb("#aab4c8")
    joined = mix(glass, lead, mask)
    return picture(bloom(joined, side / 60, 0.28), size)
