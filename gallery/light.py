"""Shading of surfaces, and the final reduction of every picture to its size."""

from __future__ import annotations

import numpy as np
from PIL import Image

from gallery.noise import blur, slope
from gallery.palette import Array


def relief(
    height: Array, depth: float, azimuth: float = -2.3, gloss: float = 24
) -> tuple[Array, Array]:
    """Shading of a height field by a lamp at the upper left: diffuse (1 where flat) and highlights.

    `depth` is in pixels per unit of height; `azimuth` is where the lamp stands, in radians.
    """
    across, down = slope(height * depth)
    length = np.sqrt(across * across + down * down + 1)
    lamp = np.array([0.62 * np.cos(azimuth), 0.62 * np.sin(azimuth), 0.78])
    facing = (-across * lamp[0] - down * lamp[1] + lamp[2]) / length
    half = lamp + np.array([0, 0, 1])
    half /= np.linalg.norm(half)
    mirror = (-across * half[0] - down * half[1] + half[2]) / length
    return np.asarray(facing / lamp[2]), np.asarray(np.clip(mirror, 0, 1) ** gloss)


def lit(colour: Array, height: Array, depth: float, shade: float = 0.6, shine: float = 0.2) -> Array:
    """A coloured surface under the lamp: `shade` weighs the diffuse part, `shine` the highlights."""
    diffuse, mirror = relief(height, depth)
    flat = mirror.mean()
    return np.asarray(
        colour * (1 + shade * (diffuse - 1))[..., None] + (shine * (mirror - flat))[..., None]
    )


def bloom(colour: Array, radius: float, share: float) -> Array:
    """Bright parts spill over their surroundings, as in an eye or a lens."""
    halo = np.stack([blur(colour[..., i] ** 2, radius) for i in range(3)], axis=-1)
    return np.asarray(1 - (1 - np.clip(colour, 0, 1)) * (1 - share * np.clip(halo, 0, 1)))


def canvas_weave(side: int, threads: int) -> Array:
    """The height of a plain weave with `threads` threads across, between 0 and 1."""
    line = (np.arange(side, dtype=np.float32) + 0.5) / side * threads * np.pi
    over = np.sin(line)[:, None] * np.sin(line)[None, :]
    warp = np.abs(np.sin(line))[None, :] * (over > 0)
    weft = np.abs(np.sin(line))[:, None] * (over <= 0)
    return np.asarray(warp + weft, dtype=np.float32)


def picture(colour: Array, size: int) -> Image.Image:
    """The finished picture: clipped, eight bits, reduced to `size` with Lanczos."""
    pixels = (np.clip(colour, 0, 1) * 255 + 0.5).astype(np.uint8)
    return Image.fromarray(pixels).resize((size, size), Image.Resampling.LANCZOS)
