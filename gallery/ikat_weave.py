"""Ikat weave: dyed threads whose stars and diamonds feather where the bundles slipped on the loom."""

from __future__ import annotations

import numpy as np
from PIL import Image

from gallery.light import picture, relief
from gallery.noise import fractal, grid, step
from gallery.palette import Array, Whole, mix, rgb, table

_GROUND = "#8f1d2c"
_DYES = ["#f3e4c3", "#16264f", "#e8a22e", "#1f7a78", "#d8542f", "#f0b8a0", "#4a1533"]
_THREADS = 208


def _motif(u: Array, v: Array, kind: Whole) -> Whole:
    """The dye at a point of a repeat: u from 0 (axis) to 1 (side), v from 0 to 1."""
    h = np.abs(v - 0.5) * 2
    lozenge = u + h
    index = np.full(u.shape, -1, dtype=np.int32)
    # Each line overdyes the last, as the bundles are bound and dipped anew.
    for reach, dye in (
        (0.98, 1),
        (0.90, 0),
        (0.74, 3),
        (0.62, 2),
        (0.50, 1),
        (0.36, 0),
        (0.24, 4),
        (0.11, 2),
    ):
        hooks = 0.055 * np.sign(np.sin((u - h) * 21)) * (reach > 0.3)
        index = np.where(lozenge + hooks * (kind == 0) < reach, dye, index)
    star = np.maximum(u, h) + 0.45 * np.minimum(u, h)
    for reach, dye in ((1.0, 2), (0.90, 1), (0.70, 5), (0.58, 4), (0.40, 0), (0.27, 1), (0.13, 2)):
        comb = 0.045 * np.sign(np.sin((u + h) * 26)) * (reach > 0.5)
        index = np.where((kind == 1) & (star + comb < reach), dye, index)
    corner = (1 - u) + (1 - h)
    for reach, dye in ((0.52, 3), (0.40, 0), (0.28, 1), (0.14, 2)):
        index = np.where((kind == 0) & (corner < reach), dye, index)
    return np.asarray(index)


def draw(random: np.random.Generator, size: int) -> Image.Image:
    """Draw the cloth."""
    side = size * 2
    x, y = grid(side)
    # The cloth hangs: the threads are not quite straight.
    x = x + 0.0035 * fractal(random, side, 3, 3)
    y = y + 0.0045 * fractal(random, side, 3, 3)
    place_x, place_y = x * _THREADS, y * _THREADS * 0.72
    warp = np.clip(place_x, 0, _THREADS - 1).astype(np.int32)
    weft = np.clip(place_y, 0, _THREADS - 1).astype(np.int32)
    # Threads slip singly and in bundles; the slip is what feathers the pattern.
    slip = (
        random.normal(0, 0.0075, _THREADS)
        + np.repeat(random.normal(0, 0.007, _THREADS // 4 + 1), 4)[:_THREADS]
    )
    bleed = 0.004 * fractal(random, side, 110, 2)
    along = y + slip[warp] + bleed
    across = (warp + 0.5) / _THREADS

    stripe = (across * 4) % 1
    narrow = (stripe < 0.13) | (stripe > 0.87)
    u = np.abs(stripe - 0.5) * 2 / 0.74
    row = along * 3.4 + 0.5 * ((across * 4).astype(np.int32) % 2)
    kind = (row.astype(np.int32) + (across * 4).astype(np.int32)) % 2
    index = _motif(np.clip(u, 0, 1), row % 1, kind)
    chevron = (along * 30 + np.abs(stripe - np.round(stripe)) * 26) % 4
    index = np.where(
        narrow, np.array([1, 2, 0, 3], dtype=np.int32)[chevron.astype(np.int32) % 4], index
    )
    edge = np.abs(np.minimum(np.abs(stripe - 0.13), np.abs(stripe - 0.87))) < 0.011
    index = np.where(edge, 0, index)
    dyes = np.concatenate([table(_DYES), rgb(_GROUND)[None]])
    colour = dyes[index]
    # Dye takes unevenly: by thread, along a thread and at the bindings.
    tone = 1 + 0.075 * random.normal(0, 1, _THREADS)[warp] + 0.07 * fractal(random, side, 26, 4)
    colour = mix(
        colour * tone[..., None],
        rgb("#d9b98a"),
        0.13 + 0.06 * step(fractal(random, side, 60, 3), 0.5, 2),
    )

    # Plain weave: warp over weft and under, each thread round, with twisted plies.
    over = ((warp + weft) % 2) == 0
    in_warp, in_weft = np.abs(place_x % 1 - 0.5) * 2, np.abs(place_y % 1 - 0.5) * 2
    hump = np.where(over, np.sqrt(1 - 0.85 * in_warp**2) * (1 - 0.35 * in_weft**2), 0)
    low = np.where(over, 0, np.sqrt(1 - 0.85 * in_weft**2) * (1 - 0.35 * in_warp**2) * 0.72)
    weft_colour = mix(colour, dyes[(weft // 3 % 2) * 0 + 1], 0.22)
    colour = np.where(over[..., None], colour, weft_colour * 0.93)
    ply = 0.07 * np.sin((place_x * 2 + place_y * 3) * np.pi * 2)
    shade, shine = relief(hump + low + ply, side / 520, gloss=10)
    drape = 1 + 0.05 * fractal(random, side, 3, 2)
    cloth = (
        colour * ((0.42 + 0.58 * shade) * drape)[..., None] + (0.12 * (shine - shine.mean()))[..., None]
    )
    return picture(cloth * 1.10, size)
