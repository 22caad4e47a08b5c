"""Even areas of a photograph: noise keeps the bundled network from weaving along its grid."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from nst_core.images.picture import Picture
from nst_core.networks.base import StyleNetwork
from nst_core.stylize.style_engine import StyleEngine

#: Frequencies in cycles per pixel that bound the rings of the spectrum: waves of 16 down to 2 pixels.
RINGS = (1 / 16, 1 / 11, 1 / 8, 1 / 5.6, 1 / 4, 1 / 2.8, 1 / 2)


def gradient(size: int = 256) -> Picture:
    """A sky: two colours that pass into each other, with no structure at all."""
    share = np.linspace(0, 1, size)[:, None, None] * 0.8 + np.linspace(0, 0.2, size)[None, :, None]
    low, high = np.array([51, 102, 178]), np.array([204, 217, 242])
    return Picture((low + share * (high - low)).round().astype(np.uint8))


def axis_ratios(picture: Picture) -> list[float]:
    """Energy along the axes over energy elsewhere, in each ring of the spectrum of the luma."""
    luma = (picture.pixels @ np.array([0.299, 0.587, 0.114]))[16:-16, 16:-16]
    window = np.hanning(len(luma))
    energy = np.abs(np.fft.fft2((luma - luma.mean()) * np.outer(window, window))) ** 2
    rows, columns = np.fft.fftfreq(len(luma))[:, None], np.fft.fftfreq(len(luma))[None]
    frequency = np.hypot(rows, columns)
    axis = np.minimum(np.abs(rows), np.abs(columns)) < 1.5 / len(luma)
    return [
        float(energy[ring & axis].mean() / energy[ring & ~axis].mean())
        for ring in ((frequency >= low) & (frequency < high) for low, high in pairwise(RINGS))
    ]


@pytest.mark.parametrize("name", ["coffee", "chelsea"])
def test_a_gradient_is_painted_without_a_weave(
    slim: StyleNetwork, photo: Callable[..., Picture], name: str
) -> None:
    engine = StyleEngine(slim, "torch", "cpu")
    style = engine.style_statistics(photo(name, 256), 256)
    for texture in (0.5, 1.0):
        assert max(axis_ratios(engine.stylize(gradient(), style, alpha=1, texture=texture))) < 7


def test_the_measure_sees_a_weave() -> None:
    """A gradient with random grain, and the same with faint threads along both axes."""
    sky = gradient().pixels
    random = np.random.default_rng(0)
    grain = random.normal(0, 6, (*sky.shape[:2], 1))
    threads = 2 * np.sin(2 * np.pi * np.arange(len(sky)) / 6)
    weave = grain + threads[:, None, None] + threads[None, :, None]
    plain, woven = (
        max(axis_ratios(Picture((sky + part).clip(0, 255).astype(np.uint8)))) for part in (grain, weave)
    )
    assert plain < 2
    assert woven > 20
