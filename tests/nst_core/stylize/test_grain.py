"""Noise in the content: a network that was trained with it paints from it, everything else holds."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from support.render_request import render_request
from torch import Tensor

from bench.networks.render import photograph
from nst_core.images.picture import Picture
from nst_core.networks.files import save_network
from nst_core.networks.registry import load_network
from nst_core.networks.slim import SlimAdaIN
from nst_core.stylize.grain import Grain
from nst_core.stylize.request import StylizeError
from nst_core.stylize.style_engine import StyleEngine
from nst_core.video.painter import FramePainter
from params.painting import PaintSettings

Photo = Callable[..., Picture]


@pytest.fixture
def noisy(untrained: SlimAdaIN) -> SlimAdaIN:
    untrained.noise = 0.06
    return untrained


@pytest.fixture
def engine(noisy: SlimAdaIN) -> StyleEngine:
    return StyleEngine(noisy, "torch", "cpu")


@pytest.fixture
def style(engine: StyleEngine, photo: Photo) -> Tensor:
    return engine.style_statistics(photo("coffee", 96), 64)


def test_any_window_gets_the_noise_of_the_whole() -> None:
    grain = Grain(0.05, 3)
    whole = grain.added(torch.zeros(1, 3, 96, 80))
    window = grain.added(torch.zeros(1, 3, 24, 40), 16, 8)
    torch.testing.assert_close(window, whole[:, :, 16:40, 8:48], rtol=0, atol=0)
    assert float(whole.std()) == pytest.approx(0.05, rel=0.2)


def test_texture_and_seed_change_the_picture(engine: StyleEngine, style: Tensor, photo: Photo) -> None:
    content = photo(size=72)
    made = [
        engine.stylize(content, style, alpha=1, texture=texture, seed=seed).pixels
        for texture, seed in ((0, 0), (0.5, 0), (1, 0), (1, 1), (0, 1))
    ]
    assert np.array_equal(made[0], made[4])
    for one, other in pairwise(made[:4]):
        assert not np.array_equal(one, other)
    assert np.array_equal(made[1], engine.stylize(content, style, alpha=1).pixels)


def test_a_network_trained_without_noise_gets_none(untrained: SlimAdaIN, photo: Photo) -> None:
    engine, content = StyleEngine(untrained, "torch", "cpu"), photo(size=64)
    style = engine.style_statistics(photo("coffee", 64), 64)
    smooth, textured = (engine.stylize(content, style, texture=texture) for texture in (0.0, 1.0))
    np.testing.assert_array_equal(smooth.pixels, textured.pixels)


def test_strength_zero_is_the_source_and_strength_rises(
    engine: StyleEngine, style: Tensor, photo: Photo
) -> None:
    content = photo(size=64)
    alphas = [0, 0.25, 0.5, 0.75, 1]
    request = render_request(content=content, style=style, alphas=alphas, texture=1)
    (strip,) = engine.render([request])
    np.testing.assert_array_equal(strip[0].pixels, content.pixels)
    away = [np.abs(one.pixels.astype(float) - content.pixels).mean() for one in strip]
    assert all(before < after for before, after in pairwise(away))
    alone = engine.stylize(content, style, alpha=0.75, texture=1)
    assert np.abs(alone.pixels.astype(int) - strip[3].pixels).max() <= 1


@pytest.mark.parametrize("width", [203, 700])
def test_tiles_equal_the_whole(noisy: SlimAdaIN, width: int) -> None:
    picture = Picture(photograph(704).pixels[:517, :width])
    made = []
    for memory in (1, 100_000):
        engine = StyleEngine(noisy, "torch", "cpu", memory_mb=memory)
        style = engine.style_statistics(photograph(64), 64)
        made.append(engine.stylize(picture, style, alpha=1, texture=1, seed=5).pixels.astype(int))
    assert np.abs(made[0] - made[1]).max() <= 1


def test_pictures_of_several_seeds_share_a_pass(
    engine: StyleEngine, style: Tensor, photo: Photo
) -> None:
    requests = [
        render_request(content=photo(size=64), style=style, alphas=[1.0], texture=texture, seed=seed)
        for texture, seed in ((1.0, 0), (1.0, 9), (0.0, 0))
    ]
    together = engine.render(requests)
    assert not np.array_equal(together[0][0].pixels, together[1][0].pixels)
    for request, (one,) in zip(requests, together, strict=True):
        ((alone,),) = engine.render([request])
        assert np.abs(one.pixels.astype(int) - alone.pixels).max() <= 1


def test_the_pattern_holds_still_in_a_video(engine: StyleEngine, style: Tensor, photo: Photo) -> None:
    painter = FramePainter(engine, style, PaintSettings(texture=1.0, seed=4))
    frame = photo(size=64).pixels
    one, other = (painter.paint(frame, 1.0, encoded=painter.encode(frame)) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    still = engine.stylize(Picture(frame), style, alpha=1, texture=1, seed=4)
    assert np.abs(one - still.pixels).max() <= 1
    moved = FramePainter(engine, style, PaintSettings(texture=1.0, seed=5))
    assert moved.identity != painter.identity
    assert not np.array_equal(moved.paint(frame, 1.0), one)


def test_the_file_says_how_much_noise_its_network_knows(untrained: SlimAdaIN, tmp_path: Path) -> None:
    assert load_network(save_network(untrained, tmp_path / "plain.safetensors")).noise == 0
    file = save_network(untrained, tmp_path / "noisy.safetensors", noise=0.06)
    assert load_network(file).noise == 0.06


def test_runtimes_agree(noisy: SlimAdaIN, style: Tensor, photo: Photo) -> None:
    pytest.importorskip("openvino")
    content = photo(size=72)
    one, other = (
        StyleEngine(noisy, name, "cpu").stylize(content, style, alpha=1, texture=1, seed=2)
        for name in ("torch", "openvino")
    )
    assert np.abs(one.pixels.astype(int) - other.pixels).max() <= 1


@pytest.mark.parametrize("asked", [{"texture": 1.1}, {"texture": -0.1}, {"seed": -1}, {"seed": 2**32}])
def test_values_out_of_range_are_refused(
    engine: StyleEngine, style: Tensor, photo: Photo, asked: dict[str, float]
) -> None:
    with pytest.raises(StylizeError, match=r"^(texture|seed): Input should be"):
        engine.stylize(photo(size=32), style, **asked)  # type: ignore[arg-type]
