from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from nst_core.images.color import match_colors
from nst_core.images.picture import Picture

Photo = Callable[..., Picture]


def colors(picture: Picture) -> tuple[np.ndarray, np.ndarray]:
    values = picture.pixels.reshape(-1, 3) / 255
    return values.mean(0), np.cov(values.T)


def soft(seed: int, mean: float, spread: float) -> Picture:
    """Correlated colours, far from the ends of the range."""
    random = np.random.default_rng(seed)
    values = mean + spread * random.normal(size=(200, 200, 3)) @ random.normal(size=(3, 3))
    return Picture(np.clip(values, 0, 255).astype(np.uint8))


def test_mean_and_covariance_become_the_contents() -> None:
    style, content = soft(1, 130, 14), soft(2, 110, 10)
    matched = match_colors(style, content)
    for mine, theirs in zip(colors(matched), colors(content), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=0.004)
    assert matched.pixels.shape == style.pixels.shape


def test_the_contents_own_colours_change_nothing(photo: Photo) -> None:
    content = photo("coffee", 128)
    matched = match_colors(content, content)
    assert np.abs(matched.pixels.astype(int) - content.pixels).max() <= 1


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_flat_style_or_content_gives_no_noise(photo: Photo, level: int) -> None:
    flat, noisy = Picture(np.full((40, 60, 3), level, np.uint8)), photo("coffee", 64)
    assert (match_colors(noisy, flat).pixels == level).all()
    matched = match_colors(flat, noisy).pixels
    assert np.ptp(matched.reshape(-1, 3), axis=0).max() == 0
    np.testing.assert_allclose(matched[0, 0], noisy.pixels.reshape(-1, 3).mean(0), atol=1.5)


def test_faint_colour_noise_of_a_grey_style_stays_faint(photo: Photo) -> None:
    grey = photo(size=96).pixels[..., :1].repeat(3, axis=2).astype(int)
    noise = np.random.default_rng(0).integers(-2, 3, grey.shape)
    style = Picture(np.clip(grey + noise, 0, 255).astype(np.uint8))
    spread = np.ptp(match_colors(style, photo("chelsea", 64)).pixels.astype(int), axis=2)
    assert spread.std() < 12


def test_transparent_colours_are_not_measured() -> None:
    pixels = np.full((32, 32, 3), 40, np.uint8)
    pixels[:, 16:] = 250
    alpha = np.full((32, 32), 255, np.uint8)
    alpha[:, 16:] = 0
    matched = match_colors(soft(3, 128, 10), Picture(pixels, alpha))
    assert matched.pixels.max() <= 45
