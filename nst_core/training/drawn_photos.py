"""Drawn contents for a tuning without photographs: dead leaves with shading and texture.

Shapes of random sizes that cover each other have the edges and the scales of photographs (the "dead
leaves" model: Lee, Mumford & Huang, "Occlusion Models for Natural Images", IJCV 2001; as training
pictures: Baradad et al., "Learning to See by Looking at Noise", NeurIPS 2021).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

Floats = npt.NDArray[np.float32]

#: Pictures that are drawn, their width and height in pixels, and the shapes on each.
COUNT, WIDTH, HEIGHT, SHAPES = 24, 432, 288, 180
#: Radii of shapes in pixels; small ones are more frequent, by the inverse cube.
_SMALLEST, _LARGEST = 5.0, 190.0


def contents_or_drawn(photos: Sequence[Path] | None, folder: Path) -> list[Path]:
    """The photographs, or pictures that are drawn into `folder` if there are none (None)."""
    return drawn_photos(folder) if photos is None else list(photos)


def drawn_photos(folder: Path, seed: int = 0) -> list[Path]:
    """Draw `COUNT` pictures into `folder`, the same for the same seed; returns their files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"drawn-{number:02d}.png" for number in range(COUNT)]
    for number, path in enumerate(paths):
        pixels = draw(np.random.default_rng((seed, number)))
        Image.fromarray(pixels).save(path)
    return paths


def draw(random: np.random.Generator) -> npt.NDArray[np.uint8]:
    """One picture (HEIGHT, WIDTH, 3) of shapes over a sky, each later one in front of the others."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    palette = _palette(random)
    image = _surface(random, palette, y, x, 0.02)
    for _ in range(SHAPES):
        radius = _radius(random)
        centre_y, centre_x = random.uniform(0, HEIGHT), random.uniform(0, WIDTH)
        reach = int(2 * radius) + 2
        rows = slice(max(0, int(centre_y) - reach), min(HEIGHT, int(centre_y) + reach))
        columns = slice(max(0, int(centre_x) - reach), min(WIDTH, int(centre_x) + reach))
        near_y, near_x = y[rows, columns], x[rows, columns]
        if not near_y.size:
            continue
        cover = _cover(random, radius, near_y - centre_y, near_x - centre_x)[..., None]
        surface = _surface(random, palette, near_y, near_x, random.uniform(0, 0.12))
        image[rows, columns] += cover * (surface - image[rows, columns])
    return (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)


def _radius(random: np.random.Generator) -> float:
    """A radius whose density falls with the inverse cube, as in photographs."""
    low, high = _SMALLEST**-2, _LARGEST**-2
    return float(random.uniform(high, low) ** -0.5)


def _palette(random: np.random.Generator) -> Floats:
    """Colours (8, 3) from 0 to 1 of one picture: bright and dark ones, most of them muted."""
    luma = random.uniform(0.05, 0.95, (8, 1))
    tint = random.normal(0, 0.12, (8, 3)) + random.normal(0, 0.05, (1, 3))
    colours: Floats = np.clip(luma + tint, 0, 1).astype(np.float32)
    return colours


def _cover(random: np.random.Generator, radius: float, y: Floats, x: Floats) -> Floats:
    """The cover, from 0 to 1, of an ellipse, a box or a wavy shape around the origin."""
    turn, flat = random.uniform(0, np.pi), random.uniform(0.35, 1.0)
    along, across = x * np.cos(turn) + y * np.sin(turn), (y * np.cos(turn) - x * np.sin(turn)) / flat
    kind = random.integers(3)
    if kind == 0:
        distance = np.hypot(along, across)
    elif kind == 1:
        distance = np.maximum(np.abs(along), np.abs(across))
    else:
        angle, lobes = np.arctan2(across, along), random.integers(3, 8)
        wave = 1 + 0.25 * np.sin(lobes * angle + random.uniform(0, 6))
        distance = np.hypot(along, across) / wave
    softness = random.choice([0.7, 0.7, 3.0])  # some shapes are out of focus
    cover: Floats = np.clip((radius - distance) / softness + 0.5, 0, 1).astype(np.float32)
    return cover


def _surface(
    random: np.random.Generator, palette: Floats, y: Floats, x: Floats, grain: float
) -> Floats:
    """A shaded surface (h, w, 3): a gradient between two colours, with stripes or fine texture."""
    first, second = palette[random.integers(len(palette), size=2)]
    angle, length = random.uniform(0, 2 * np.pi), random.uniform(60, 500)
    share = 0.5 + 0.5 * np.sin((x * np.cos(angle) + y * np.sin(angle)) / length + random.uniform(0, 6))
    surface: Floats = first + (0.6 * share)[..., None] * (second - first)
    if random.random() < 0.3:
        period = random.uniform(4, 24)
        stripes = np.sin((x * np.sin(angle) - y * np.cos(angle)) * (2 * np.pi / period))
        surface = surface + np.float32(random.uniform(0.02, 0.12)) * stripes[..., None]
    coarse = random.normal(0, 1, (x.shape[0] // 3 + 1, x.shape[1] // 3 + 1))
    blotches = coarse.repeat(3, 0).repeat(3, 1)[: x.shape[0], : x.shape[1]]
    fine = random.normal(0, 1, x.shape)
    return (surface + grain * (0.5 * blotches + 0.5 * fine)[..., None]).astype(np.float32)
