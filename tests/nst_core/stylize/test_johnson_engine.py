from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from nst_core.images.picture import Picture
from nst_core.networks.files import CheckpointError, save_network
from nst_core.networks.johnson import JohnsonNetwork
from nst_core.runtimes.runtime import RuntimeChoiceError
from nst_core.stylize import johnson_engine
from nst_core.stylize.engine import StylizeError
from nst_core.stylize.johnson_engine import REACH, JohnsonEngine
from nst_core.training.johnson.state import BASE


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    return save_network(JohnsonNetwork(), tmp_path_factory.mktemp("net") / "net.safetensors")


def shaken(picture: Picture) -> np.ndarray:
    return picture.pixels.astype(int)


def test_strength_goes_from_the_source_itself_steadily_to_the_network(
    path: Path, photo: Callable[..., Picture]
) -> None:
    engine, content = JohnsonEngine(path, "torch", "cpu"), photo("chelsea", 61, height=50)
    made = [engine.stylize(content, alpha=alpha) for alpha in (0, 0.25, 0.5, 0.75, 1)]
    assert np.array_equal(made[0].pixels, content.pixels)
    far = [np.abs(shaken(each) - shaken(content)).mean() for each in made]
    assert all(near < further for near, further in pairwise(far))
    assert {each.pixels.shape for each in made} == {content.pixels.shape}
    half = engine.stylize(content, size=30)
    assert (half.width, half.height) == (30, 25)


def test_colours_and_transparency_of_the_content(path: Path, photo: Callable[..., Picture]) -> None:
    engine = JohnsonEngine(path, "torch", "cpu")
    opaque = photo("coffee", 48)
    content = Picture(opaque.pixels, np.full((48, 48), 77, np.uint8), "PNG")
    for color in ("style", "luminance", "match"):
        made = engine.stylize(content, color=color)
        assert made.alpha is not None
        assert (made.alpha == 77).all()
    matched = shaken(engine.stylize(content, color="match")).mean((0, 1))
    assert np.abs(matched - shaken(content).mean((0, 1))).max() < 12


def test_tiles_that_see_all_of_it_give_what_the_whole_gives(
    path: Path, photo: Callable[..., Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    content = photo("astronaut", 401, height=30)
    whole = JohnsonEngine(path, "torch", "cpu").stylize(content)
    engine = JohnsonEngine(path, "torch", "cpu")
    engine._whole = 9_000
    # All windows are measured, so that only the tiles' edges could differ.
    monkeypatch.setattr(engine, "_measure", measure_everything(engine))
    steps: list[tuple[str, int, int]] = []
    tiled = engine.stylize(content, on_progress=lambda *step: steps.append(step))
    assert ("render", 3, 3) in steps
    assert np.abs(shaken(whole) - shaken(tiled)).max() <= 1


def measure_everything(engine: JohnsonEngine) -> Callable[..., float]:
    def measure(frozen: object, padded: np.ndarray) -> float:
        before, engine._whole = engine._whole, 10**9
        try:
            return JohnsonEngine._measure(engine, frozen, padded)  # type: ignore[arg-type]
        finally:
            engine._whole = before

    return measure


def test_a_picture_too_large_is_sampled_and_said_so(photo: Callable[..., Picture]) -> None:
    content = photo("astronaut", 1300, height=24)
    engine = JohnsonEngine(BASE, "torch", "cpu")
    engine._whole = 24 * 600
    notices: list[str] = []
    tiled = engine.stylize(content, on_notice=notices.append)
    (notice,) = notices
    assert "even sample" in notice
    whole = JohnsonEngine(BASE, "torch", "cpu").stylize(content)
    assert np.abs(shaken(whole) - shaken(tiled)).mean() < 8


def test_memory_that_runs_out_leads_to_tiles(
    path: Path, photo: Callable[..., Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = JohnsonEngine(path, "torch", "cpu")

    def refuse(image: torch.Tensor) -> torch.Tensor:
        raise MemoryError("no memory")

    monkeypatch.setattr(engine, "_run", refuse)
    notices: list[str] = []
    made = engine.stylize(photo("astronaut", 520, height=130), on_notice=notices.append)
    assert (made.width, made.height) == (520, 130)
    assert "smaller tiles" in notices[0]
    monkeypatch.setattr(johnson_engine, "_LEAST_WINDOW", 10**4)
    engine._whole = 10**8
    with pytest.raises(MemoryError, match="smallest tile"):
        engine.stylize(photo("astronaut", 64))


def test_openvino_agrees_with_torch(path: Path, photo: Callable[..., Picture]) -> None:
    pytest.importorskip("openvino")
    content = photo("rocket", 70, height=45)
    one = JohnsonEngine(path, "torch", "cpu").stylize(content)
    engine = JohnsonEngine(path, "auto", "cpu")
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
    engine = JohnsonEngine(path, "torch", "cpu", max_pixels=5_000)
    for wrong in ({"alpha": 1.5}, {"color": "sepia"}, {"size": 0}, {"size": 100}):
        with pytest.raises(StylizeError):
            engine.stylize(photo("rocket", 64), **wrong)  # type: ignore[arg-type]
    with pytest.raises(RuntimeChoiceError):
        JohnsonEngine(path, "onnxruntime", "cpu")
    (tmp_path / "x.safetensors").write_bytes(b"none")
    with pytest.raises(CheckpointError):
        JohnsonEngine(tmp_path / "x.safetensors")
