"""Colours: hexadecimal names, ramps and random variations, mixed in OKLab.

OKLab (Ottosson, 2020) is used for mixing because a straight line in it looks straight: no grey dip
between blue and yellow, and a step of lightness is the same step for every hue.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: A picture plane, a list of points or a table of colours; single precision except in small tables.
Array = NDArray[np.floating[Any]]
#: Whole numbers: which cell, which dye, which place in a sheet.
Whole = NDArray[np.signedinteger[Any]]

_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_FROM_LAB = np.linalg.inv(_TO_LAB)
_FROM_CONES = np.linalg.inv(_TO_CONES)
_RAMP_STEPS = 1024


def rgb(name: str) -> Array:
    """The colour `#rrggbb` as three numbers between 0 and 1."""
    digits = name.removeprefix("#")
    return np.array([int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)], dtype=np.float32)


def table(names: Sequence[str]) -> Array:
    """Several colours as an (N, 3) table."""
    return np.stack([rgb(name) for name in names])


def to_lab(colours: Array) -> Array:
    """From sRGB (…, 3) to OKLab."""
    linear = np.where(
        colours <= 0.04045, colours / 12.92, ((np.maximum(colours, 0) + 0.055) / 1.055) ** 2.4
    )
    return np.asarray(np.cbrt(linear @ _TO_CONES.T) @ _TO_LAB.T)


def from_lab(lab: Array) -> Array:
    """From OKLab (…, 3) to sRGB, clipped into the gamut."""
    linear = np.clip(((lab @ _FROM_LAB.T) ** 3) @ _FROM_CONES.T, 0, 1)
    encoded = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(encoded, dtype=np.float32)


def ramp(names: Sequence[str], position: Array, stops: Sequence[float] | None = None) -> Array:
    """Colours along a gradient at `position` (0 to 1, clipped): shape (…) → (…, 3)."""
    places = np.linspace(0, 1, len(names)) if stops is None else np.asarray(stops)
    lab = to_lab(table(names))
    steps = np.linspace(0, 1, _RAMP_STEPS)
    row = from_lab(np.stack([np.interp(steps, places, lab[:, i]) for i in range(3)], axis=1))
    index = np.clip(position * (_RAMP_STEPS - 1), 0, _RAMP_STEPS - 1).astype(np.int32)
    return np.asarray(row[index])


def vary(
    random: np.random.Generator,
    colours: Array,
    lightness: float = 0.03,
    chroma: float = 0.15,
    hue: float = 0.1,
) -> Array:
    """Colours (N, 3) moved a little: lightness added, chroma scaled, hue turned (radians)."""
    lab = to_lab(colours)
    count = len(lab)
    turn = random.normal(0, hue, count)
    scale = np.exp(random.normal(0, chroma, count))
    a = (lab[:, 1] * np.cos(turn) - lab[:, 2] * np.sin(turn)) * scale
    b = (lab[:, 1] * np.sin(turn) + lab[:, 2] * np.cos(turn)) * scale
    return from_lab(np.stack([lab[:, 0] + random.normal(0, lightness, count), a, b], axis=1))


def complement(colours: Array) -> Array:
    """The colours of the opposite hue and the same lightness."""
    return from_lab(to_lab(colours) * np.array([1, -1, -1]))


def mix(below: Array, above: Array, share: Array | float) -> Array:
    """`below` covered by `share` of `above`; a plane of shares is spread over the three channels."""
    weight = share[..., None] if isinstance(share, np.ndarray) else share
    return np.asarray(below + (above - below) * weight)
