from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from support.render_request import render_request

from nst_core.images.picture import Picture, to_pixels, to_tensor
from nst_core.networks.files import CheckpointError, save_network
from nst_core.networks.johnson import JohnsonNetwork
from nst_core.runtimes.choice import RuntimeChoiceError
from nst_core.runtimes.pytorch import TorchFeedForward
from nst_core.stylize.memory_limit import MemoryLimit
from nst_core.stylize.one_style_engine import OneStyleEngine
from nst_core.stylize.one_style_renderer import REACH
from nst_core.stylize.regions import Region
from nst_core.stylize.request import RenderReport, StylizeError
from nst_core.stylize.strokes import shrink
from nst_core.training.johnson.state import BASE
from params.painting import Color


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    return save_network(JohnsonNetwork(), tmp_path_factory.mktemp("net") / "net.safetensors")


def shaken(picture: Picture) -> np.ndarray:
    return picture.pixels.astype(int)


def test_strength_goes_from_the_source_itself_steadily_to_the_network(
    path: Path, photo: Callable[..., Picture]
) -> None:
    engine, content = OneStyleEngine(path, "torch", "cpu"), photo("chelsea", 61, height=50)
    made = [engine.stylize(content, alpha=alpha) for alpha in (0, 0.25, 0.5, 0.75, 1)]
    assert np.array_equal(made[0].pixels, content.pixels)
    far = [np.abs(shaken(each) - shaken(content)).mean() for each in made]
    assert all(near < further for near, further in pairwise(far))
    assert {each.pixels.shape for each in made} == {content.pixels.shape}
    half = engine.stylize(content, size=30)
    assert (half.width, half.height) == (30, 25)


def test_colours_and_transparency_of_the_content(path: Path, photo: Callable[..., Picture]) -> None:
    engine = OneStyleEngine(path, "torch", "cpu")
    opaque = photo("coffee", 48)
    content = Picture(opaque.pixels, np.full((48, 48), 77, np.uint8), "PNG")
    for color in ("style", "luminance", "match"):
        made = engine.stylize(content, color=color)
        assert made.alpha is not None
        assert (made.alpha == 77).all()
    matched = shaken(engine.stylize(content, color="match")).mean((0, 1))
    assert np.abs(matched - shaken(content).mean((0, 1))).max() < 12


class CountingRuntime(TorchFeedForward):
    """Counts its passes; its memory holds pictures of up to `room` pixels."""

    def __init__(self, room: int = 10**9) -> None:
        torch.manual_seed(0)
        super().__init__(JohnsonNetwork())
        self.passes, self.room = 0, room

    def run(self, image: torch.Tensor) -> torch.Tensor:
        if image.shape[2] * image.shape[3] > self.room:
            raise MemoryError("no memory")
        self.passes += 1
        return super().run(image)


def rendered(engine: OneStyleEngine, content: Picture, **controls: object) -> RenderReport:
    report = RenderReport()
    engine.render([render_request(content=content, alphas=[1.0], **controls)], report=report)
    return report


@pytest.mark.parametrize("color", get_args(Color))
def test_a_strip_runs_the_network_once(path: Path, photo: Callable[..., Picture], color: Color) -> None:
    runtime, content = CountingRuntime(), photo("chelsea", 40)
    engine, alphas = OneStyleEngine(path, runtime), [0, 0.25, 0.5, 0.75, 1]
    (strip,) = engine.render([render_request(content=content, alphas=alphas, color=color)])
    assert runtime.passes == 1
    for alpha, picture in zip(alphas, strip, strict=True):
        single = engine.stylize(content, alpha=alpha, color=color)
        np.testing.assert_array_equal(picture.pixels, single.pixels)
    np.testing.assert_array_equal(strip[0].pixels, content.pixels)


def test_a_region_keeps_the_photo(path: Path, photo: Callable[..., Picture]) -> None:
    engine, content = OneStyleEngine(path, "torch", "cpu"), photo("chelsea", 40)
    mask = np.zeros((40, 40), np.uint8)
    mask[:, 20:] = 255
    made = engine.stylize(content, regions=[Region(mask, alpha=0.0)])
    np.testing.assert_array_equal(made.pixels[:, 20:], content.pixels[:, 20:])
    np.testing.assert_array_equal(made.pixels[:, :20], engine.stylize(content).pixels[:, :20])
    with pytest.raises(StylizeError, match="takes no other"):
        engine.stylize(content, regions=[Region(mask, torch.zeros(1, 4))])


def test_tiles_that_see_all_of_it_give_what_the_whole_gives(
    path: Path, photo: Callable[..., Picture]
) -> None:
    content = photo("astronaut", 401, height=30)
    whole = OneStyleEngine(path, "torch", "cpu").stylize(content)
    # All windows are measured, so that only the tiles' edges could differ.
    limit = MemoryLimit(9_000, 4 * REACH, 4 * REACH)
    engine = OneStyleEngine(path, "torch", "cpu", limit=limit, sample_pixels=10**9)
    steps: list[tuple[str, int, int]] = []
    (strip,) = engine.render(
        [render_request(content=content, alphas=[1.0])], on_progress=lambda *step: steps.append(step)
    )
    assert steps.count(("render", 0, 1)) == 1 + 3  # once, and once for each tile
    assert np.abs(shaken(whole) - shaken(strip[0])).max() <= 1


def test_a_picture_too_large_is_sampled_and_said_so(photo: Callable[..., Picture]) -> None:
    content = photo("astronaut", 1300, height=24)
    engine = OneStyleEngine(BASE, "torch", "cpu", limit=MemoryLimit(24 * 600, 4 * REACH, 4 * REACH))
    (notice,) = rendered(engine, content).notices
    assert "even sample" in notice
    whole = OneStyleEngine(BASE, "torch", "cpu").stylize(content)
    assert np.abs(shaken(whole) - shaken(engine.stylize(content))).mean() < 8


def test_memory_that_runs_out_leads_to_tiles_for_that_job_alone(
    path: Path, photo: Callable[..., Picture]
) -> None:
    engine = OneStyleEngine(path, CountingRuntime(room=300 * 130))
    notices = rendered(engine, photo("astronaut", 520, height=130)).notices
    assert "tiles of" in notices[0]
    assert rendered(engine, photo("astronaut", 300, height=130)).notices == []


def test_too_little_memory_for_a_tile(path: Path, photo: Callable[..., Picture]) -> None:
    engine = OneStyleEngine(path, CountingRuntime(room=0))
    with pytest.raises(MemoryError, match="smallest tile"):
        engine.stylize(photo("astronaut", 64))


def test_openvino_agrees_with_torch(path: Path, photo: Callable[..., Picture]) -> None:
    pytest.importorskip("openvino")
    content = photo("rocket", 70, height=45)
    one = OneStyleEngine(path, "torch", "cpu").stylize(content)
    engine = OneStyleEngine(path, "auto", "cpu")
    assert engine.runtime == "openvino"
    two = engine.stylize(content)
    assert np.abs(shaken(one) - shaken(two)).max() <= 1
    assert np.array_equal(two.pixels, engine.stylize(content).pixels)


def test_the_margin_covers_what_an_output_pixel_depends_on() -> None:
    network = JohnsonNetwork().eval()
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):  # every path open, none cancelling another
            weight = module.weight.data.abs()
            module.weight.data = weight / weight.sum((1, 2, 3), keepdim=True)
            torch.nn.init.zeros_(module.bias)
    from nst_core.networks.frozen_norm import FrozenJohnson

    frozen = FrozenJohnson(network)
    image = (torch.rand(1, 3, 160, 160) / 1000).requires_grad_()
    frozen.network(image)[0, :, 80, 80].sum().backward()
    assert image.grad is not None
    touched = torch.nonzero(image.grad[0].abs().sum(0))
    assert 50 < int((touched - 80).abs().max()) <= REACH


def test_it_refuses(path: Path, photo: Callable[..., Picture], tmp_path: Path) -> None:
    engine = OneStyleEngine(path, "torch", "cpu", max_pixels=5_000)
    for wrong in ({"alpha": 1.5}, {"color": "sepia"}, {"size": 0}, {"size": 100}):
        with pytest.raises(StylizeError):
            engine.stylize(photo("rocket", 64), **wrong)  # type: ignore[arg-type]
    with pytest.raises(StylizeError, match="takes no other"):
        engine.stylize(photo("rocket", 32), torch.zeros(1, 8))
    with pytest.raises(StylizeError, match="takes no other"):
        engine.style_statistics(photo("rocket", 32))
    with pytest.raises(RuntimeChoiceError):
        OneStyleEngine(path, "onnxruntime", "cpu")
    (tmp_path / "x.safetensors").write_bytes(b"none")
    with pytest.raises(CheckpointError):
        OneStyleEngine(tmp_path / "x.safetensors")


def test_strokes_of_a_preview_are_those_of_the_render(photo: Callable[..., Picture]) -> None:
    engine, content = OneStyleEngine(BASE, "torch", "cpu"), photo("coffee", 256)
    small = engine.stylize(content, alpha=1, stroke=8, size=128)
    broad, fine = (
        to_pixels(shrink(to_tensor(engine.stylize(content, alpha=1, stroke=stroke).pixels), 128, 128))
        for stroke in (8, None)
    )
    assert np.abs(broad - shaken(small)).mean() < 0.5 * np.abs(fine - shaken(small)).mean()
