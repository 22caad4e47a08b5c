"""Drawn contents: the same for a seed, all different, with edges, even areas and many colours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from nst_core.training.drawn_photos import COUNT, HEIGHT, WIDTH, contents_or_drawn, draw, drawn_photos


def test_pictures_depend_on_the_seed_alone() -> None:
    first, again, other = (draw(np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.shape == (HEIGHT, WIDTH, 3)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first.astype(int) - other).mean() > 10


def test_pictures_have_edges_and_contrast() -> None:
    pixels = draw(np.random.default_rng(3)).astype(float)
    assert pixels.std() > 20
    steps = np.abs(np.diff(pixels.mean(2), axis=1))
    assert (steps > 40).mean() > 0.002  # edges
    assert (steps < 12).mean() > 0.5  # even areas


def test_photographs_come_before_drawn_pictures(tmp_path: Path) -> None:
    photos = [tmp_path / "a.png"]
    assert contents_or_drawn(photos, tmp_path / "drawn") == photos
    assert not (tmp_path / "drawn").exists()
    paths = drawn_photos(tmp_path / "drawn")
    assert len({path.read_bytes() for path in paths}) == COUNT
    with Image.open(paths[0]) as image:
        assert image.size == (WIDTH, HEIGHT)
