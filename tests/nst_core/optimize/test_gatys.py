from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from nst_core.commands.optimize import optimize as command
from nst_core.images.picture import Picture
from nst_core.optimize.gatys import optimize
from params.optimize import GatysConfig

TINY = GatysConfig(size=64, steps=6, levels=1, preview_interval=3)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("start", ["content", "noise"])
def test_losses_fall(photo: Callable[..., Picture], optimizer: str, start: str) -> None:
    heard: list[dict[str, float]] = []
    config = GatysConfig(size=64, steps=8, levels=1, optimizer=optimizer, start=start, lr=0.05)
    result = optimize(
        photo("astronaut", 64), photo("coffee", 64), config, device="cpu",
        on_progress=lambda stage, step, total, losses: heard.append(losses),
    )  # fmt: skip
    assert (result.width, result.height) == (64, 64)
    assert heard[-1]["total"] < 0.7 * heard[0]["total"]
    assert set(heard[0]) == {"content", "style", "tv", "total"}


def test_it_goes_from_coarse_to_fine_and_repeats_itself(photo: Callable[..., Picture]) -> None:
    stages: list[tuple[str, int, int]] = []
    previews: list[Picture] = []
    config = GatysConfig(size=128, steps=2, levels=4, start="noise", seed=3, preview_interval=1)
    results = [
        optimize(
            photo("chelsea", 80, height=60), photo("coffee", 64), config, device="cpu",
            on_progress=lambda stage, step, total, losses: stages.append((stage, step, total)),
            on_preview=previews.append,
        )
        for _ in range(2)
    ]  # fmt: skip
    assert stages[:4] == [("64×48", 1, 4), ("64×48", 2, 4), ("128×96", 3, 4), ("128×96", 4, 4)]
    assert {(each.width, each.height) for each in previews} == {(128, 96)}
    assert np.array_equal(results[0].pixels, results[1].pixels)


def test_a_wish_to_stop_gives_what_there_is(photo: Callable[..., Picture]) -> None:
    steps: list[int] = []
    optimize(
        photo("astronaut"), photo("coffee"), TINY, device="cpu", should_stop=lambda: len(steps) == 2,
        on_progress=lambda stage, step, total, losses: steps.append(step),
    )  # fmt: skip
    assert steps == [1, 2]


def test_colours_and_strength(photo: Callable[..., Picture]) -> None:
    content, style = photo("astronaut", 64), photo("coffee", 64)
    assert np.array_equal(
        optimize(content, style, GatysConfig(size=64, steps=1, levels=1, alpha=0), device="cpu").pixels,
        content.pixels,
    )
    painted = {
        color: optimize(
            content, style, GatysConfig(size=64, steps=5, levels=1, color=color), device="cpu"
        ).pixels.astype(int)
        for color in ("style", "luminance", "match")
    }
    source = content.pixels.astype(int)
    own = source - source.mean(2, keepdims=True)
    chroma = {name: np.abs(each - each.mean(2, keepdims=True) - own) for name, each in painted.items()}
    assert chroma["luminance"].mean() < chroma["style"].mean()
    assert chroma["match"].mean() < chroma["style"].mean()


def test_the_command_writes_a_picture_and_its_previews(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    content, style = folders[0] / "chelsea.png", folders[1] / "coffee.png"
    out, previews = tmp_path / "new" / "o.jpg", tmp_path / "previews"
    arguments = [content, style, "-o", out, "--previews", previews, "--size", 48, "--steps", 4]
    arguments += ["--levels", 1, "--preview-interval", 2, "--style-layers", "relu1_1,relu2_1", "--json"]
    done = CliRunner().invoke(command, [str(part) for part in arguments])
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["step"] == 4
    names = [Path(path).name for path in document["previews"]]
    assert names == ["preview-00002.jpg", "preview-00004.jpg"]
    with Image.open(out) as image:
        assert (image.format, image.size) == ("JPEG", (48, 48))
    refused = CliRunner().invoke(command, [str(content), str(style), "-o", str(out), "--alpha", "7"])
    assert refused.exit_code == 2
    assert "7.0 is not in the range 0<=x<=1" in refused.output
    weights = ["--layer-weights", "1,2"]
    refused = CliRunner().invoke(command, [str(content), str(style), "-o", str(out), *weights])
    assert refused.exit_code == 1
    assert "one of layer_weights for each of style_layers" in refused.output
