from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image
from support.films import read_back, sliding, texture

pytest.importorskip("av")
pytest.importorskip("cv2")
from nst_core.commands.arguments import strength
from nst_core.commands.evaluate import evaluate
from nst_core.commands.video import video
from nst_core.images.picture import to_pixels, to_tensor
from nst_core.networks.fast_neural_style import FastNeuralStyle
from nst_core.networks.feed_forward import open_feed_forward
from nst_core.networks.files import save_network
from nst_core.networks.slim import SlimAdaIN
from nst_core.video.reader import VideoReader
from tests.support.clips import write_clip


@pytest.fixture
def files(untrained: SlimAdaIN, tmp_path: Path) -> dict[str, Path]:
    for seed, name in ((7, "a.png"), (8, "b.png")):
        Image.fromarray(texture(64, 64, seed=seed)).save(tmp_path / name)
    return {
        "network": save_network(untrained, tmp_path / "net.safetensors"),
        "source": write_clip(tmp_path / "in.mp4", sliding(64, 48, 12)),
        "a": tmp_path / "a.png",
        "b": tmp_path / "b.png",
        "out": tmp_path / "out.mp4",
    }


def run(command: object, *arguments: object) -> Result:
    return CliRunner().invoke(command, [str(part) for part in arguments])  # type: ignore[arg-type]


def test_every_option_at_once(files: dict[str, Path]) -> None:
    done = run(
        video, files["source"], files["a"], "--style", files["b"], "--weights", "2,1",
        "-o", files["out"], "--network", files["network"], "--runtime", "torch",
        "--alpha", "0:0.2,0.3:1", "--temporal", 0.5, "--start", 0.08, "--end", 0.4, "--size", 48,
        "--style-size", 32, "--color", "match", "--quality", 60, "--segment-frames", 3, "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    found = read_back(files["out"])
    assert (document["frames"], document["width"], document["height"]) == (8, 48, 36)
    assert (len(found["frames"]), found["audio"]) == (8, ["aac"])
    assert found["seconds"] == pytest.approx(0.32, abs=0.06)
    assert set(document["share_by_stage"]) == {"decode", "flow", "network", "blend", "encode", "join"}
    assert not list(files["out"].parent.glob(".*work"))


def test_a_report_for_people(files: dict[str, Path]) -> None:
    done = run(
        video, files["source"], files["a"], "-o", files["out"], "--network", files["network"],
        "--runtime", "torch", "--report",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "12 frames of 64×48" in done.output
    assert "network" in done.output


def test_a_preview_to_look_at(files: dict[str, Path]) -> None:
    given = [
        video, files["source"], files["a"], "-o", files["out"], "--network", files["network"],
        "--runtime", "torch", "--preview",
    ]  # fmt: skip
    shown = files["out"].with_suffix(".jpg")
    done = run(*given, shown)
    assert done.exit_code == 0, done.output
    found = np.array(Image.open(shown))
    first = read_back(files["out"])["frames"][0]  # the others came sooner than previews are made
    assert np.abs(found.astype(int) - first).mean() < 16
    assert run(*given, shown.with_suffix(".txt")).exit_code == 2


def test_the_source_is_not_written_over(files: dict[str, Path]) -> None:
    before = files["source"].read_bytes()
    given = ["-o", files["source"], "--network", files["network"], "--runtime", "torch"]
    done = run(video, files["source"], files["a"], *given)
    assert done.exit_code == 1
    assert "is the source itself" in done.stderr
    assert files["source"].read_bytes() == before


def test_a_network_for_one_style(files: dict[str, Path]) -> None:
    torch.manual_seed(0)
    path = files["out"].with_name("one.safetensors")
    save_network(cast(Any, FastNeuralStyle()), path)
    frames = files["out"].with_suffix("")
    given = [video, files["source"], "-o", frames, "--network", path, "--alpha", 1, "--temporal", 0]
    done = run(*given)
    assert done.exit_code == 0, done.output
    with VideoReader(files["source"]) as reader, torch.inference_mode():
        (first, *_) = reader.frames()
        expected = to_pixels(open_feed_forward(path)(to_tensor(first.pixels)))
    found = np.array(Image.open(frames / "frame_000001.png"))
    assert np.abs(found.astype(int) - expected).max() <= 1
    assert run(*given, "--style", files["a"]).exit_code == 2
    calm = run(*given[:3], files["out"], *given[4:-1], 1, "--runtime", "torch", "--json")
    assert calm.exit_code == 0, calm.output
    assert json.loads(calm.stdout)["runtime"].startswith("torch on ")
    assert run(*given, "--precision", "int8").exit_code == 1
    assert run(video, files["source"], "-o", files["out"]).exit_code == 2


@pytest.mark.parametrize("color", ["luminance", "match"])
def test_a_network_for_one_style_keeps_colours_too(files: dict[str, Path], color: str) -> None:
    pytest.importorskip("openvino")
    torch.manual_seed(0)
    path = files["out"].with_name("one.safetensors")
    save_network(cast(Any, FastNeuralStyle()), path)
    given = [video, files["source"], "--network", path, "--alpha", 1, "--runtime", "openvino", "--json"]
    shown = {}
    for name in ("style", color):
        done = run(*given, "-o", files["out"].with_name(name), "--color", name)
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["runtime"] == "openvino on cpu"
        frame = Image.open(files["out"].with_name(name) / "frame_000001.png")
        shown[name] = np.array(frame).astype(float)
    with VideoReader(files["source"]) as reader:
        (first, *_) = reader.frames()
    hue = first.pixels.astype(float).mean((0, 1))
    near = {name: np.abs(pixels.mean((0, 1)) - hue).sum() for name, pixels in shown.items()}
    assert near[color] < near["style"]


def test_a_file_that_does_not_fit_is_one_line(files: dict[str, Path]) -> None:
    class Other(FastNeuralStyle):
        def trained_state_dict(self) -> dict[str, torch.Tensor]:
            return {"layer": torch.ones(3)}

    path = save_network(cast(Any, Other()), files["out"].with_name("other.safetensors"))
    done = run(video, files["source"], "-o", files["out"], "--network", path)
    assert done.exit_code == 1
    assert "does not fit fast_neural_style" in done.stderr
    assert done.stderr.count("\n") == 1


def test_bad_sources_are_one_line(files: dict[str, Path]) -> None:
    done = run(video, files["a"], files["b"], "-o", files["out"], "--network", files["network"])
    assert done.exit_code == 1
    assert done.stderr == "Error: a.png is a still image. Use stylize for images.\n"
    assert not files["out"].exists()
    assert run(video, files["source"], files["a"], "-o", "out.xyz").exit_code == 1


def test_the_warping_error_with_its_definition(files: dict[str, Path]) -> None:
    given = ["--video", files["source"], files["source"], "--network", files["network"]]
    done = run(evaluate, *given)
    assert done.exit_code == 0, done.output
    assert "sqrt(sum M (O_t - warp(O_t-1))^2 / (3 sum M))" in done.output
    done = run(evaluate, *given, "--style", files["a"], "--runtime", "torch", "--json")
    rows = json.loads(done.stdout)["rows"]
    assert [row["video"] for row in rows[2:]] == [
        "each frame by itself", "moving average of 5 frames", "ours, not encoded",
    ]  # fmt: skip
    assert run(evaluate).exit_code == 2


@pytest.mark.parametrize("text", ["2", "0:2", "x:1", "1:0,", ":"])
def test_strengths_that_are_none(text: str) -> None:
    import click

    with pytest.raises(click.BadParameter):
        strength(text)
