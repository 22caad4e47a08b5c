"""The row of docs/quality.md about optimised pixels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PIL import Image

from bench.networks.optimized_pixels import scores
from imaging.gallery_styles import gallery_styles
from nst_core.images.picture import Picture


def test_optimised_pixels_come_nearer_to_the_style_than_slim(
    photo: Callable[..., Picture], tmp_path: Path
) -> None:
    path = tmp_path / "photo.png"
    Image.fromarray(photo(size=48).pixels).save(path)
    style = gallery_styles()["night-oils"].path
    found = dict(scores([path], style, ["slim"], size=48, steps=40))
    assert list(found) == ["slim", "pixels, 40 steps"]
    slim, pixels = found.values()
    assert 0 < pixels["gram"] < slim["gram"]
