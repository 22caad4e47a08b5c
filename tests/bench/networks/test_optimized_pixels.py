"""The row of docs/quality.md about optimised pixels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PIL import Image

from bench.networks.optimized_pixels import scores
from imaging.gallery_styles import gallery_styles
from nst_core.images.picture import Picture


def test_optimised_pixels_come_nearer_to_the_style_with_each_step(
    photo: Callable[..., Picture], tmp_path: Path
) -> None:
    path = tmp_path / "photo.png"
    Image.fromarray(photo(size=48).pixels).save(path)
    style = gallery_styles()["night-oils"].path
    found = dict(scores([path], style, ["slim"], size=48, steps=1))
    assert list(found) == ["slim", "pixels, 1 steps"]
    ((_, after),) = scores([path], style, [], size=48, steps=30)
    before = found["pixels, 1 steps"]
    assert 0 < after["gram"] < 0.8 * before["gram"]
    assert 0 < after["style"] < 0.8 * before["style"]
