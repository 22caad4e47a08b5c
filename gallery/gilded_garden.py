"""Gilded garden: spirals, eyes and chequered borders, raised and enamelled on gold leaf."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from gallery.light import picture, relief
from gallery.noise import blur, fractal, grid, step
from gallery.palette import Array, mix, ramp, rgb

_GOLD = ["#6b420c", "#b87d1a", "#e6b23a", "#f8d878", "#fff4c4"]
_ENAMEL = [
    "#0f4c4a",
    "#7a1f2b",
    "#1d2f6f",
    "#c8553d",
    "#e9e0c8",
    "#17130f",
    "#3f7f5f",
    "#6b3fa0",
    "#d98cae",
]


class _Enamel:
    """Two sheets drawn alike: the colours, and how high and how covered each spot is."""

    def __init__(self, side: int) -> None:
        self.side = side
        self.colours = Image.new("RGB", (side, side))
        self.cover = Image.new("L", (side, side))
        self.raised = Image.new("L", (side, side))
        self._pens = [ImageDraw.Draw(sheet) for sheet in (self.colours, self.cover, self.raised)]

    def polygon(self, points: Array, colour: str | None, height: int = 150) -> None:
        """A filled shape; without a colour it is gold."""
        corners = [(float(x) * self.side, float(y) * self.side) for x, y in points]
        for pen, fill in zip(
            self._pens, (colour or "#000000", 255 if colour else 0, height), strict=True
        ):
            pen.polygon(corners, fill=fill)

    def disc(self, x: float, y: float, radius: float, colour: str | None, height: int = 150) -> None:
        """A filled circle."""
        turn = np.linspace(0, 2 * np.pi, max(12, int(radius * 900)))
        self.polygon(
            np.stack([x + radius * np.cos(turn), y + radius * np.sin(turn)], 1), colour, height
        )

    def band(self, points: Array, widths: Array, colour: str | None, height: int = 200) -> None:
        """A line of changing width."""
        heading = np.gradient(points, axis=0)
        normal = np.stack([-heading[:, 1], heading[:, 0]], 1) / (np.hypot(*heading.T)[:, None] + 1e-9)
        half = normal * widths[:, None] / 2
        for first in range(0, len(points) - 1, 4):  # in pieces: a spiral's outline would cross itself
            piece = slice(first, first + 6)
            left, right = (points + half)[piece], (points - half)[piece]
            self.polygon(np.concatenate([left, right[::-1]]), colour, height)


def _spiral(
    enamel: _Enamel, x: float, y: float, radius: float, turn: float, way: int, colour: str | None
) -> None:
    """A curl that winds inwards from its stem, and ends in a knob."""
    t = np.linspace(0, 1, 150)
    angle = turn + way * t * 2 * np.pi * 2.6
    reach = radius * (1 - t) ** 0.9 + 0.004
    points = np.stack([x + reach * np.cos(angle), y + reach * np.sin(angle)], 1)
    widths = radius * (0.155 - 0.075 * t)
    enamel.band(points, widths * 1.5, "#2a1a0a", 120)
    enamel.band(points, widths, colour, 235)
    enamel.disc(float(points[-1, 0]), float(points[-1, 1]), radius * 0.10, colour, 235)


def _medallion(enamel: _Enamel, random: np.random.Generator, x: float, y: float, radius: float) -> None:
    """Rings of enamel and gold, an eye, or a flower in a round."""
    first, second, third = (_ENAMEL[i] for i in random.permutation(len(_ENAMEL))[:3])
    kind = random.integers(0, 3)
    enamel.disc(x, y, radius, "#2a1a0a", 110)
    enamel.disc(x, y, radius * 0.92, None if random.uniform() < 0.5 else first, 190)
    if kind == 0:
        for share, colour in (
            (0.76, second),
            (0.58, None),
            (0.42, third),
            (0.24, None),
            (0.12, "#17130f"),
        ):
            enamel.disc(x, y, radius * share, colour, 210)
    elif kind == 1:
        t = np.linspace(-1, 1, 24)
        lid = 0.42 * (1 - t * t)
        eye = np.stack([np.concatenate([t, t[::-1]]), np.concatenate([lid, -lid])], 1) * radius * 0.82
        tilt = random.uniform(-0.5, 0.5)
        turned = eye @ np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
        enamel.polygon(turned + np.array([x, y]), "#efe6cd", 205)
        for share, colour in ((0.33, second), (0.20, "#17130f"), (0.08, None)):
            enamel.disc(x, y, radius * share, colour, 225)
    else:
        count = int(random.integers(6, 10))
        for k in range(count):
            angle = 2 * np.pi * k / count
            enamel.disc(
                x + 0.56 * radius * np.cos(angle),
                y + 0.56 * radius * np.sin(angle),
                radius * 0.27,
                second,
                215,
            )
        enamel.disc(x, y, radius * 0.34, third, 220)
        enamel.disc(x, y, radius * 0.15, None, 235)


def _robe(enamel: _Enamel, random: np.random.Generator) -> None:
    """A band of upright rectangles, chequers and triangles that winds through the picture."""
    for column in range(-1, 40):
        for row in range(-2, 3):
            x = column * 0.0262
            middle = 0.60 + 0.17 * np.sin(x * 5.2 + 0.6) - 0.25 * x
            tall = 0.052 * (1 + 0.25 * np.sin(column * 2.3 + row))
            y = middle + row * 0.056
            colour = (None, "#17130f", "#efe6cd", None, _ENAMEL[random.integers(0, len(_ENAMEL))])[
                random.integers(0, 5)
            ]
            wide = 0.0225 * random.uniform(0.7, 1.0)
            corners = np.array([(0, 0), (wide, 0), (wide, tall), (0, tall)]) + np.array([x, y])
            enamel.polygon(
                corners + 0.0015 * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]),
                "#2a1a0a",
                120,
            )
            enamel.polygon(corners, colour, 190)
            kind = random.uniform()
            if kind < 0.30:
                inner = corners.mean(0) + (corners - corners.mean(0)) * 0.5
                enamel.polygon(inner, ("#17130f", "#efe6cd", None)[random.integers(0, 3)], 220)
            elif kind < 0.5:
                for k in range(4):
                    bit = np.array([(0, 0), (wide / 2, 0), (wide / 2, tall / 4), (0, tall / 4)])
                    corner = np.array([x + wide / 2 * (k % 2), y + k * tall / 4])
                    enamel.polygon(bit + corner, "#efe6cd", 205)
            elif kind < 0.65:
                enamel.polygon(corners[[0, 1, 3]], _ENAMEL[random.integers(0, len(_ENAMEL))], 215)


def draw(random: np.random.Generator, size: int) -> Image.Image:
    """Draw the panel."""
    side = size * 2
    enamel = _Enamel(side)
    placed: list[tuple[float, float, float]] = []
    # Circles are packed, the great ones first; each becomes a curl, a medallion or a bead.
    for radius in np.repeat(
        [0.115, 0.085, 0.06, 0.042, 0.028, 0.018, 0.011, 0.0065], [9, 16, 34, 70, 170, 330, 700, 1000]
    ):
        for _ in range(12):
            x, y = random.uniform(-0.04, 1.04, 2)
            if all((x - a) ** 2 + (y - b) ** 2 > (radius + c) ** 2 * 1.02 for a, b, c in placed):
                placed.append((float(x), float(y), float(radius)))
                break
    for x, y, radius in placed:
        if radius > 0.05 and random.uniform() < 0.75:
            _spiral(
                enamel,
                x,
                y,
                radius * 1.02,
                random.uniform(0, 2 * np.pi),
                int(random.choice([-1, 1])),
                None,
            )
        elif radius > 0.02:
            _medallion(enamel, random, x, y, radius * 0.96)
        elif radius > 0.010:
            enamel.disc(x, y, radius * 0.92, _ENAMEL[random.integers(0, len(_ENAMEL))], 170)
            enamel.disc(x, y, radius * 0.5, None, 215)
        else:
            enamel.disc(x, y, radius * 0.85, None if random.uniform() < 0.6 else "#17130f", 190)
    _robe(enamel, random)

    x, y = grid(side)
    cover = np.asarray(enamel.cover, dtype=np.float32) / 255
    raised = blur(np.asarray(enamel.raised, dtype=np.float32) / 255, side / 900)
    # Leaf is laid in squares that overlap; it wrinkles, wears and takes the light differently.
    leaf_x, leaf_y = (
        x * 7.3 + 0.03 * fractal(random, side, 9, 4),
        y * 7.3 + 0.03 * fractal(random, side, 9, 4),
    )
    tones = random.normal(0, 1, (10, 10))[leaf_y.astype(np.int32), leaf_x.astype(np.int32)]
    seam = np.minimum(np.abs(leaf_x % 1 - 0.5), np.abs(leaf_y % 1 - 0.5))
    wrinkle = fractal(random, side, 60, 4)
    cloud = fractal(random, side, 4, 4)
    shade, shine = relief(raised * 9 + 0.16 * wrinkle, side / 900, gloss=18)
    sheen = 0.46 + 0.07 * tones + 0.10 * cloud + 0.55 * (shade - 1) + 0.05 * wrinkle
    gold = ramp(_GOLD, sheen + 0.30 * (shine - shine.mean()) - 0.12 * step(np.abs(seam), 0.012, 0.0))
    gold = mix(gold, rgb("#8c3b1f"), 0.5 * step(wrinkle + 0.6 * cloud, 2.0, 2.9))
    paint = np.asarray(enamel.colours, dtype=np.float32) / 255
    glazed = (
        paint * (0.55 + 0.45 * shade + 0.07 * wrinkle)[..., None]
        + (0.28 * (shine - shine.mean()))[..., None]
    )
    worn = step(wrinkle + fractal(random, side, 130, 2) * 0.7, 3.0, 2.1)
    return picture(mix(gold, glazed, cover * worn), size)
