"""Promises that hold for slim, with a bundled network that is tuned to one style."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from support.render_request import render_request

from nst_core.images.picture import Picture, to_pixels, to_tensor
from nst_core.stylize.memory_limit import MemoryLimit
from nst_core.stylize.regions import Region
from nst_core.stylize.strokes import shrink
from nst_core.stylize.style_engine import StyleEngine
from nst_core.video.painter import FramePainter
from params.painting import PaintSettings

NAME = "tuned-night-oils"
Photo = Callable[..., Picture]


@pytest.fixture(scope="module")
def engine() -> StyleEngine:
    return StyleEngine(NAME, "torch", "cpu")


def apart(one: Picture, other: Picture) -> float:
    return float(np.abs(one.pixels.astype(float) - other.pixels).mean())


@pytest.mark.parametrize("color", ["style", "luminance", "match"])
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_strengths_start_at_the_photo_and_rise(photo: Photo, color: str, precision: str) -> None:
    content = photo("coffee", 96)
    chosen = StyleEngine(NAME, "torch", "cpu", precision=precision)  # type: ignore[arg-type]
    alphas = [0, 0.1, 0.25, 0.5, 0.75, 0.9, 1]
    request = render_request(content=content, alphas=alphas, color=color)
    (strip,) = chosen.render([request])
    np.testing.assert_array_equal(strip[0].pixels, content.pixels)
    distances = [apart(one, content) for one in strip]
    assert all(before < after for before, after in pairwise(distances)), distances


def test_tiles_equal_the_whole(engine: StyleEngine, photo: Photo) -> None:
    content = photo("chelsea", 400, height=264)
    whole = engine.stylize(content, alpha=1, seed=3)
    tiled = StyleEngine(
        NAME, "torch", "cpu", limit=MemoryLimit(whole_pixels=256 * 256, window=256, least_window=256)
    )
    np.testing.assert_allclose(
        tiled.stylize(content, alpha=1, seed=3).pixels.astype(int), whole.pixels, atol=1
    )


def test_the_same_request_gives_the_same_bytes(engine: StyleEngine, photo: Photo) -> None:
    content = photo("rocket", 80)
    first = engine.stylize(content, alpha=1, seed=7)
    again = StyleEngine(NAME, "torch", "cpu").stylize(content, alpha=1, seed=7)
    np.testing.assert_array_equal(first.pixels, again.pixels)
    assert apart(first, engine.stylize(content, alpha=1, seed=8)) > 1
    assert engine.digest == StyleEngine(NAME, "torch", "cpu").digest


def test_a_mask_keeps_its_part(engine: StyleEngine, photo: Photo) -> None:
    content = photo("astronaut", 96)
    mask = np.zeros((96, 96), np.uint8)
    mask[:, :40] = 255
    painted = engine.stylize(content, alpha=1)
    kept = engine.stylize(content, alpha=1, regions=[Region(mask, None, 0.0, 0.0)])
    np.testing.assert_array_equal(kept.pixels[:, :40], content.pixels[:, :40])
    np.testing.assert_array_equal(kept.pixels[:, 40:], painted.pixels[:, 40:])


def test_strokes_of_a_preview_are_those_of_the_render(engine: StyleEngine, photo: Photo) -> None:
    content = photo("coffee", 256)
    large = engine.stylize(content, alpha=1, stroke=8)
    small = engine.stylize(content, alpha=1, stroke=8, size=128)
    fine = engine.stylize(content, alpha=1)
    assert apart(shrunk(large), small) < 0.5 * apart(shrunk(fine), small)


def shrunk(picture: Picture) -> Picture:
    return Picture(to_pixels(shrink(to_tensor(picture.pixels), 128, 128)))


def test_frames_of_a_video_hold_the_pattern_still(engine: StyleEngine, photo: Photo) -> None:
    pixels = photo("coffee", 64).pixels
    painter = FramePainter(engine)
    frame = painter.paint(pixels, 1.0)
    np.testing.assert_array_equal(frame, painter.paint(pixels, 1.0))
    np.testing.assert_array_equal(painter.paint(pixels, 0.0), pixels.astype(np.float32))
    assert painter.identity != FramePainter(engine, None, PaintSettings(seed=1)).identity


def test_int8_is_close_to_fp32(engine: StyleEngine, photo: Photo) -> None:
    content = photo("chelsea", 192)
    quantized = StyleEngine(NAME, "torch", "cpu", precision="int8").stylize(content, alpha=1)
    exact = engine.stylize(content, alpha=1)
    rms = np.sqrt(np.square(quantized.pixels.astype(float) - exact.pixels).mean())
    assert 20 * np.log10(255 / rms) > 30


def test_runtimes_agree(engine: StyleEngine, photo: Photo) -> None:
    pytest.importorskip("openvino")
    content = photo("rocket", 96)
    other = StyleEngine(NAME, "openvino", "cpu").stylize(content, alpha=0.8)
    assert np.abs(other.pixels.astype(int) - engine.stylize(content, alpha=0.8).pixels).max() <= 2
