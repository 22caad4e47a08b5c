from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from nst_core.images.picture import Picture, resize_picture
from nst_core.networks.base import StyleNetwork
from nst_core.stylize.strokes import shrink, with_strokes
from nst_core.stylize.style_engine import StyleEngine

Photo = Callable[..., Picture]


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return float(-10 * np.log10((((one.astype(float) - other) / 255) ** 2).mean()))


def test_shrunk_it_is_the_painting_of_the_working_size() -> None:
    random = torch.Generator().manual_seed(0)
    fine = torch.rand(1, 3, 192, 256, generator=random)
    broad = interpolate(torch.rand(1, 3, 9, 12, generator=random), (48, 64), mode="bicubic")
    assert (shrink(fine, 48, 64) - broad).abs().mean() > 0.1
    assert (shrink(with_strokes(fine, broad), 48, 64) - broad).abs().mean() < 0.02


@pytest.mark.parametrize("alpha", [0.6, 1.0])
def test_a_preview_looks_like_the_large_picture(slim: StyleNetwork, photo: Photo, alpha: float) -> None:
    engine = StyleEngine(slim, "torch", "cpu")
    content, style = photo("astronaut", 512), engine.style_statistics(photo("coffee", 256), 192)

    def shown(size: int, stroke: float | None) -> np.ndarray:
        painted = engine.stylize(content, style, alpha=alpha, size=size, stroke=stroke)
        return resize_picture(painted, 96).pixels

    asked = psnr(shown(96, 8), shown(512, 8))
    in_pixels = psnr(shown(96, None), shown(512, None))
    assert asked > 25
    assert asked > in_pixels + 4


def test_the_stroke_that_a_size_has_anyway_changes_nothing(slim: StyleNetwork, photo: Photo) -> None:
    engine = StyleEngine(slim, "torch", "cpu")
    content, style = photo(size=128), engine.style_statistics(photo("coffee", 64), 64)
    plain = engine.stylize(content, style, alpha=1)
    np.testing.assert_array_equal(
        engine.stylize(content, style, alpha=1, stroke=8).pixels, plain.pixels
    )


def test_a_large_picture_keeps_detail_finer_than_its_strokes(slim: StyleNetwork, photo: Photo) -> None:
    engine = StyleEngine(slim, "torch", "cpu")
    content, style = photo(size=512), engine.style_statistics(photo("coffee", 64), 64)

    def finest(picture: Picture) -> float:
        rows = picture.pixels.astype(float)
        return float(np.abs(rows[1:] - rows[:-1]).mean())

    broad = engine.stylize(content, style, alpha=1, stroke=8)
    enlarged = resize_picture(engine.stylize(content, style, alpha=1, size=128, stroke=8), 512)
    assert finest(broad) > 1.5 * finest(enlarged)
