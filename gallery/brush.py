"""Simulation of a bristle brush: ribbons of paint along paths, with a height map for shading.

A stroke is sampled along and across its path, more densely than the pixels, so that it may bend freely.
Many strokes are painted in one numpy call, later ones over earlier ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gallery.noise import enlarge, sample
from gallery.palette import Array, Whole

_SAMPLES_PER_PIXEL = 1.25
_BATCH = 500_000
_SHEET = 512  # a power of two: positions wrap with a bit mask


@dataclass
class Canvas:
    """Paint and its thickness, square, at the resolution that is later reduced."""

    colour: Array
    height: Array

    @classmethod
    def primed(cls, side: int, ground: Array) -> Canvas:
        """A canvas with one flat ground (a colour), or a picture as underpainting."""
        colour = np.empty((side, side, 3), dtype=np.float32)
        colour[:] = ground
        return cls(colour, np.zeros((side, side), dtype=np.float32))

    @property
    def side(self) -> int:
        """Pixels along an edge."""
        return len(self.height)


@dataclass(frozen=True)
class Brush:
    """Properties of a brush, the same for all its strokes."""

    dryness: float = 0.2  #: share of the bristles without paint at the stroke's end
    streaks: float = 0.1  #: how far bristles differ in lightness
    unmixed: float = 0.6  #: how far the second colour shows in streaks
    body: float = 1.0  #: thickness of the paint
    opacity: float = 0.92
    taper: float = 0.5  #: 0: blunt like a flat brush; 1: pointed at the end
    ragged: float = 0.25  #: how uneven the sides are
    bristles: float = 0.11  #: bristles per thousandth of the picture's width


def trace(starts: Array, angle: Array, lengths: Array, steps: int = 14) -> Array:
    """Paths (N, steps, 2) through `starts` along a field of angles; `lengths` in picture widths."""
    along = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    halves = []
    for sign in (-1.0, 1.0):
        points = starts.astype(np.float32)
        heading = sample(along, points) * sign
        half = [points]
        for _ in range(steps // 2):
            onward = sample(along, points)
            # A field of lines has no arrows: take the direction that goes on.
            onward = onward * np.sign((onward * heading).sum(-1, keepdims=True) + 1e-9)
            heading = onward
            points = points + onward * (lengths / steps)[:, None].astype(np.float32)
            half.append(points)
        halves.append(half)
    return np.stack([*halves[0][:0:-1], *halves[1]], axis=1)


def _sheet(random: np.random.Generator) -> Array:
    """Streaks along the first axis, between 0 and 1, evenly distributed."""
    fine = enlarge(random.normal(0, 1, (24, _SHEET)), _SHEET, _SHEET)
    coarse = enlarge(random.normal(0, 1, (12, _SHEET // 5)), _SHEET, _SHEET)
    flat = (fine + 0.9 * coarse).ravel()
    rank = np.empty(flat.size, dtype=np.float32)
    rank[np.argsort(flat, kind="stable")] = np.linspace(0, 1, flat.size, dtype=np.float32)
    return rank.reshape(_SHEET, _SHEET)


def paint(
    canvas: Canvas,
    random: np.random.Generator,
    paths: Array,
    widths: Array,
    colours: Array,
    brush: Brush,
    seconds: Array | None = None,
    tooth: Array | None = None,
) -> None:
    """Lay strokes along `paths` (N, T, 2), `widths` in picture widths, in order.

    `seconds` are the colours that streak each stroke. With `tooth`, a plane from 0 to 1, paint stays
    only on the bumps of the ground, as chalk does.
    """
    side = canvas.side
    sheet = _sheet(random)
    paths = (paths * side).astype(np.float32)
    spans = np.sqrt((np.diff(paths, axis=1) ** 2).sum(-1)).sum(1)
    along = max(4, int(spans.max() * _SAMPLES_PER_PIXEL))
    across = max(3, int(widths.max() * side * _SAMPLES_PER_PIXEL))
    other = colours if seconds is None else seconds
    offsets = random.integers(0, _SHEET, (len(paths), 2))
    batch = max(1, _BATCH // (along * across))
    for first in range(0, len(paths), batch):
        chosen = slice(first, first + batch)
        _lay(
            canvas, sheet, paths[chosen], widths[chosen] * side, spans[chosen], colours[chosen],
            other[chosen], offsets[chosen], brush, (along, across), tooth,
        )  # fmt: skip


def _lay(
    canvas: Canvas,
    sheet: Array,
    paths: Array,
    widths: Array,
    spans: Array,
    colours: Array,
    seconds: Array,
    offsets: Whole,
    brush: Brush,
    samples: tuple[int, int],
    tooth: Array | None,
) -> None:
    """One batch of strokes of `paint`, in pixels."""
    side = canvas.side
    s = np.linspace(0, 1, samples[0], dtype=np.float32)
    v = np.linspace(-1, 1, samples[1], dtype=np.float32)
    knot = s * (paths.shape[1] - 1)
    low = np.minimum(knot.astype(np.int32), paths.shape[1] - 2)
    share = (knot - low)[None, :, None]
    middle = paths[:, low] * (1 - share) + paths[:, low + 1] * share
    heading = paths[:, low + 1] - paths[:, low]
    if len(s) > 8:  # corners between the straight pieces would show as kinks in the bristles
        tangent = np.gradient(paths, axis=1)
        heading = tangent[:, low] * (1 - share) + tangent[:, low + 1] * share
    heading = heading / (np.sqrt((heading**2).sum(-1, keepdims=True)) + 1e-6)
    profile = np.sqrt(np.clip(s * 7, 0, 1)) * np.sqrt(np.clip((1 - s) * (7 - 5 * brush.taper), 0, 1))
    half = widths[:, None] * 0.5 * profile
    # Bristles keep their distance whatever the size of the stroke or of the picture.
    scale = brush.bristles * 1000 / side
    u = (offsets[:, 1, None, None] + v[None, None, :] * (half * scale)[:, :, None]).astype(np.int32) & (
        _SHEET - 1
    )
    t = (offsets[:, 0, None] + s * spans[:, None] * scale * 0.35).astype(np.int32) & (_SHEET - 1)
    hair = sheet[t[:, :, None], u]
    worn = sheet[(t * 3) & (_SHEET - 1), offsets[:, 1, None]]
    edge = np.abs(v)[None, None, :] < (1 - brush.ragged * worn)[:, :, None]
    wet = hair > brush.dryness * (s[None, :, None] ** 1.5)
    x = (middle[..., 0:1] - heading[..., 1:2] * half[..., None] * v).astype(np.int32)
    y = (middle[..., 1:2] + heading[..., 0:1] * half[..., None] * v).astype(np.int32)
    kept = edge & wet & (x >= 0) & (y >= 0) & (x < side) & (y < side)
    if tooth is not None:
        kept &= tooth[np.clip(y, 0, side - 1), np.clip(x, 0, side - 1)] > hair * 0.5 + 0.25
    which = np.nonzero(kept)
    rows, columns, hairs = y[kept], x[kept], hair[kept]
    second = np.clip((hairs - 0.62) * 4, 0, 1)[:, None] * brush.unmixed
    fresh = colours[which[0]] * (1 - second) + seconds[which[0]] * second
    fresh *= (1 + brush.streaks * (hairs - 0.5) * 2)[:, None]
    below = canvas.colour[rows, columns]
    canvas.colour[rows, columns] = below + (fresh - below) * brush.opacity
    ridge = 0.55 + 0.45 * hairs + 0.35 * (v**6)[which[2]]
    canvas.height[rows, columns] = 0.3 * canvas.height[rows, columns] + brush.body * ridge
