"""Great waves: a printed sea of flat blues, clawed foam and a graded sky."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw

from gallery.light import picture
from gallery.noise import blur, fractal, grid, step
from gallery.palette import Array, mix, ramp, rgb

_BLUES = ["#16305c", "#2c5b8f", "#6f9fbf", "#a9c9cf", "#e9e4cf"]
_FOAM = "#f3ecd8"
_KEY = "#14233f"
#: Breakers from back to front: x of the foot, y of the foot, size, and 1 when it breaks to the right.
_BREAKERS = (
    (0.86, 0.60, 0.30, -1), (0.28, 0.62, 0.27, 1), (0.60, 0.70, 0.28, 1), (1.04, 0.80, 0.50, -1),
    (0.02, 0.80, 0.62, 1), (0.52, 0.90, 0.30, -1), (0.26, 1.02, 0.34, 1), (0.84, 1.06, 0.38, -1),
)  # fmt: skip


class _Block:
    """The carver: draws polygons in unit coordinates on one large sheet."""

    def __init__(self, sheet: Image.Image) -> None:
        self.side = sheet.width
        self.pen = ImageDraw.Draw(sheet)

    def shape(self, points: Array, fill: str, outline: float = 0.0) -> None:
        """A filled shape with a key line of `outline` picture widths."""
        corners = [(float(x) * self.side, float(y) * self.side) for x, y in points]
        self.pen.polygon(corners, fill=fill)
        if outline:
            self.line(np.concatenate([points, points[:2]]), outline, _KEY)

    def line(self, points: Array, width: float, colour: str) -> None:
        """A line that swells in its middle, as if carved."""
        pixels = points * self.side
        heading = np.gradient(pixels, axis=0)
        normal = np.stack([-heading[:, 1], heading[:, 0]], 1) / (np.hypot(*heading.T)[:, None] + 1e-6)
        swell = 0.35 + 0.65 * np.sin(np.linspace(0.12, np.pi - 0.12, len(points))) ** 0.6
        half = normal * (swell * width * self.side / 2)[:, None]
        ring = np.concatenate([pixels + half, (pixels - half)[::-1]])
        self.pen.polygon([(float(x), float(y)) for x, y in ring], fill=colour)


def _curve(points: list[tuple[float, float]], steps: int = 80) -> Array:
    """A Bézier curve of any degree."""
    nodes = np.array(points)
    t = np.linspace(0, 1, steps)[:, None]
    layers = [np.repeat(node[None], steps, axis=0) for node in nodes]
    while len(layers) > 1:
        layers = [a * (1 - t) + b * t for a, b in pairwise(layers)]
    return layers[0]


def _claw(
    block: _Block, random: np.random.Generator, root: Array, angle: float, size: float, deep: int
) -> None:
    """A finger of foam: a hooked crescent with smaller ones growing from its back."""
    s = np.linspace(0, 1, 16)
    curl = random.uniform(1.5, 2.2)
    bend = angle + curl * s**1.5
    spine = root + size * np.cumsum(np.stack([np.cos(bend), np.sin(bend)], 1), axis=0) / 16
    normal = np.stack([-np.sin(bend), np.cos(bend)], 1)
    half = (0.30 * size * (1 - s) ** 0.7)[:, None] * normal
    if deep > 0:
        for k in (2, 6, 10):
            _claw(
                block,
                random,
                spine[k],
                bend[k] - random.uniform(0.9, 1.3),
                size * random.uniform(0.45, 0.6),
                deep - 1,
            )
    block.shape(np.concatenate([spine + half, (spine - half)[::-1]]), _FOAM, 0.0022)
    block.line(spine[:11] + half[:11] * 0.25, 0.0018, "#8fb3c4")


def _breaker(
    block: _Block, random: np.random.Generator, x: float, y: float, size: float, way: int
) -> None:
    """One breaking wave: back, face, stripes that follow both, foam along the lip and down the back."""

    def place(points: Array) -> Array:
        return np.stack([x + way * points[:, 0] * size, y - points[:, 1] * size], axis=1)

    back = _curve([(-1.3, -0.5), (-0.55, -0.1), (-0.35, 0.95), (0.22, 1.12), (0.62, 0.62)])
    face = _curve([(0.9, -0.6), (0.35, -0.05), (-0.12, 0.22), (0.02, 0.72), (0.30, 0.86), (0.62, 0.62)])
    block.shape(place(np.concatenate([back, face[::-1]])), _BLUES[0], 0.0045)
    shares = np.linspace(0.04, 0.96, 15)
    for number, share in enumerate(shares):
        middle = back * (1 - share) + face * share
        other = back * (1 - share - 0.036) + face * (share + 0.036)
        cut = slice(4 + (number * 7) % 13, 74 - (number * 5) % 9)
        band = np.concatenate([middle[cut], other[cut][::-1]])
        block.shape(place(band), _BLUES[(1, 4, 2, 3, 1)[number % 5]])
        block.line(place(middle[cut]), 0.0022, _KEY)
    block.line(place(face), 0.0055, _KEY)
    lip = np.concatenate([back[40:], face[:58:-1]])
    lip_place = place(lip)
    heading = np.gradient(lip_place, axis=0)
    # Foam lies in one scalloped border: the fills of a second pass hide the outlines between the puffs.
    ring = np.linspace(0, 2 * np.pi, 22)
    circle = np.stack([np.cos(ring), np.sin(ring)], 1)
    puffs = [
        (lip_place[number] + random.normal(0, 0.016, 2) * size, size * random.uniform(0.030, 0.056))
        for number in range(0, len(lip) - 1, 2)
    ]
    # Claws first: their roots vanish under the foam they grow from.
    for number in range(2, len(lip) - 1, 3):
        out = np.arctan2(heading[number, 1], heading[number, 0]) - way * 0.15
        reach = size * (0.10 + 0.085 * np.sin(np.pi * number / len(lip))) * random.uniform(0.75, 1.2)
        _claw_sided(block, random, lip_place[number], float(out), reach, way)
    for outline in (0.0032, 0.0):
        for middle, radius in puffs:
            block.shape(middle + (radius - (0 if outline else 0.0016)) * circle, _FOAM, outline)
    for middle, radius in puffs[::2]:
        shadow = _curve([(-0.7, 0.1), (-0.2, 0.75), (0.6, 0.35)], 12) * radius
        block.line(middle + shadow, 0.0020, "#8fb3c4")
    for _ in range(int(150 * size)):
        spot = (
            lip_place[random.integers(8, len(lip))]
            + random.normal(0, 0.085, 2) * size
            - np.array([0, 0.10]) * size
        )
        block.shape(spot + random.uniform(0.0015, 0.0048) * circle, _FOAM)


def _claw_sided(
    block: _Block, random: np.random.Generator, root: Array, angle: float, size: float, way: int
) -> None:
    """A claw that hooks downwards whichever way its wave breaks."""
    if way > 0:
        _claw(block, random, root, angle, size, 1)
        return
    mirror = _Mirror(block, float(root[0]))
    _claw(mirror, random, root, float(np.pi - angle), size, 1)


class _Mirror(_Block):
    """The same sheet seen in a mirror that stands at one x."""

    def __init__(self, block: _Block, axis: float) -> None:
        self.side, self.pen, self.axis = block.side, block.pen, axis

    def shape(self, points: Array, fill: str, outline: float = 0.0) -> None:
        """A shape, mirrored."""
        super().shape(np.stack([2 * self.axis - points[:, 0], points[:, 1]], 1), fill, 0.0)
        if outline:
            self.line(np.concatenate([points, points[:2]]), outline, _KEY)

    def line(self, points: Array, width: float, colour: str) -> None:
        """A line, mirrored."""
        super().line(np.stack([2 * self.axis - points[:, 0], points[:, 1]], 1), width, colour)


def draw(random: np.random.Generator, size: int) -> Image.Image:
    """Draw the print."""
    side = size * 2
    x, y = grid(side)
    grain = np.sin(y * 300 + 10 * fractal(random, side, 3, 3) + 4 * x) + 0.8 * fractal(
        random, side, 120, 2
    )
    sky = ramp(["#2a4f80", "#8fb0bd", "#ecd9b4", "#f0c9a0", "#e9a58a"], y / 0.62 + 0.012 * grain)
    sun = step(np.hypot(x - 0.50, y - 0.22), 0.092, 0.090)
    sky = mix(sky, rgb("#cf4a33"), sun * (0.93 - 0.25 * step(y, 0.2, 0.31)))
    sheet = Image.fromarray((np.clip(sky, 0, 1) * 255).astype(np.uint8))
    block = _Block(sheet)
    for cx, cy, long in (
        (0.20, 0.12, 0.30),
        (0.33, 0.155, 0.24),
        (0.82, 0.10, 0.28),
        (0.70, 0.135, 0.20),
        (0.5, 0.27, 0.34),
    ):
        ends = _curve([(cx - long / 2, cy), (cx, cy - 0.012), (cx + long / 2, cy)], 30)
        block.line(ends, 0.017, "#efe3c6")
        block.line(ends + np.array([0.03, 0.010]), 0.008, "#efe3c6")
    peak = np.array(
        [
            (0.30, 0.60),
            (0.43, 0.47),
            (0.475, 0.41),
            (0.49, 0.405),
            (0.51, 0.405),
            (0.525, 0.41),
            (0.58, 0.48),
            (0.72, 0.60),
        ]
    )
    block.shape(peak, "#3d5a80", 0.003)
    snow = np.array(
        [
            (0.43, 0.47),
            (0.475, 0.41),
            (0.49, 0.405),
            (0.51, 0.405),
            (0.525, 0.41),
            (0.58, 0.48),
            (0.55, 0.465),
            (0.535, 0.50),
            (0.51, 0.46),
            (0.49, 0.51),
            (0.47, 0.46),
            (0.455, 0.485),
        ]
    )
    block.shape(snow, _FOAM, 0.002)
    # The open sea: rows of overlapping scale waves between the breakers.
    for row in range(17):
        level = 0.56 + 0.030 * row + 0.0004 * row**2
        reach = 0.050 + 0.0016 * row
        for k in range(-1, 22):
            cx = (k + 0.5 * (row % 2)) * reach * 1.5 + random.normal(0, 0.002)
            turn = np.linspace(np.pi, 2 * np.pi, 24)
            for ring, share in enumerate((1.0, 0.80, 0.62, 0.44, 0.26)):
                arc = np.stack(
                    [
                        cx + reach * share * np.cos(turn),
                        level + 0.03 + reach * share * np.sin(turn) * 0.8,
                    ],
                    1,
                )
                block.shape(
                    arc,
                    _BLUES[(0, 3, 1, 4, 2)[ring] if (k + row) % 3 else (1, 4, 0, 3, 1)[ring]],
                    0.0014,
                )
    for breaker in _BREAKERS:
        _breaker(block, random, *breaker)
    colour = np.asarray(sheet, dtype=np.float32) / 255
    colour = np.stack([blur(colour[..., i], side / 2400) for i in range(3)], axis=-1)
    # Bokashi: the printer wipes the block, so that blues deepen towards the foot of the sheet.
    colour = colour * (1 - 0.14 * step(y, 0.75, 1.05))[..., None]
    paper = (
        1 + 0.022 * fractal(random, side, 90, 3) + 0.018 * grain + 0.03 * fractal(random, side, 5, 3)
    )
    baren = step(fractal(random, side, 210, 2) + 0.3 * grain, 1.7, 3.0)
    aged = mix(colour * paper[..., None], rgb("#efe3c6"), 0.2 * baren)
    return picture(aged * rgb("#fffaf0"), size)
