from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from support.tape_recorder import TapeRecorder

from nst_core.images.picture import Picture
from nst_core.networks.files import read_metadata, save_network
from nst_core.networks.full import FullAdaIN
from nst_core.networks.registry import open_network
from nst_core.networks.slim import SlimAdaIN
from nst_core.runtimes.recorder import DirectRecorder, Recorder
from nst_core.stylize.request import RenderRequest, StylizeError
from nst_core.stylize.style_engine import StyleEngine
from nst_core.training.config import parse_config
from nst_core.training.errors import ConfigError, TrainingError
from nst_core.training.events import Event
from nst_core.training.session import FINAL
from nst_core.training.tune.state import ENCODER
from nst_core.training.tune.trainer import TuneTrainer
from params.training import TuneTrainConfig

TINY = TuneTrainConfig(
    max_steps=6,
    batch_size=2,
    image_size=32,
    style_size=48,
    checkpoint_interval=2,
    sample_interval=3,
    log_interval=2,
    pool=2,
)


@pytest.fixture
def build(folders: tuple[Path, Path], untrained: SlimAdaIN, tmp_path: Path):  # type: ignore[no-untyped-def]
    content, style = folders
    base = save_network(untrained, tmp_path / "base.safetensors", noise=0.06)
    heard: list[Event] = []

    def make(folder: str = "run", recorder: Recorder | None = None, **changes: Any) -> TuneTrainer:
        heard.clear()
        return TuneTrainer(
            TINY.model_copy(update={"network": str(base), **changes}),
            sorted(content.iterdir()),
            style / "coffee.png",
            tmp_path / folder,
            device="cpu",
            on_event=heard.append,
            recorder=recorder,
        )

    make.heard = heard  # type: ignore[attr-defined]
    make.base = base  # type: ignore[attr-defined]
    return make


def told(build: Any, name: str) -> list[dict[str, Any]]:
    return [event.as_json() for event in build.heard if event.name == name]


def stop_after(steps: int) -> Callable[[], Any]:
    asked = iter([*[None] * (steps - 1), "stop"])
    return lambda: next(asked)


def weights(path: Path) -> dict[str, torch.Tensor]:
    return dict(open_network(path).state_dict())


def test_a_tuning_tells_what_it_does_and_leaves_a_network(build: Any, tmp_path: Path) -> None:
    assert build().run() == "finished"
    assert {2, 4, 6} <= {event["step"] for event in told(build, "progress")}
    assert set(told(build, "progress")[-1]["losses"]) == {"content", "style", "gram", "total"}
    assert [event["step"] for event in told(build, "checkpoint")] == [2, 4, 6]
    for event in told(build, "sample"):
        with Image.open(event["path"]) as image:
            assert image.size == (96, 32)
    described = read_metadata(tmp_path / "run" / FINAL)
    assert described["style"]["name"] == "coffee.png"
    assert described["noise"] == 0.06
    assert described["figures"]["steps"] == 6
    assert set(described["int8"]) >= {"stem", "decode_half"}


def test_only_the_decoder_changes(build: Any, tmp_path: Path) -> None:
    build().run()
    before, after = weights(build.base), weights(tmp_path / "run" / FINAL)
    for name in before:
        same = torch.allclose(before[name], after[name], atol=1e-3, rtol=1e-3)  # half precision
        assert same == name.startswith(ENCODER), name


def test_the_style_comes_closer(build: Any) -> None:
    trainer = build(max_steps=30, lr=5e-3)
    trainer.run()
    losses = [event["losses"] for event in told(build, "progress")]
    assert losses[-1]["style"] < 0.8 * losses[0]["style"]


def test_a_stopped_tuning_resumes_exactly(build: Any, tmp_path: Path) -> None:
    build("whole").run()
    assert build("parts").run(stop_after(3)) == "stopped"
    second = build("parts")
    second.restore(tmp_path / "parts")
    assert second.state.step == 3
    assert second.run() == "finished"
    whole, parts = weights(tmp_path / "whole" / FINAL), weights(tmp_path / "parts" / FINAL)
    for name, value in whole.items():
        assert torch.equal(value, parts[name]), name


def test_recorded_steps_tune_as_plain_ones(build: Any, tmp_path: Path) -> None:
    tape = TapeRecorder()
    changes = {"log_interval": 1, "max_steps": 8}
    build("plain", DirectRecorder(), **changes).run()
    losses = [event["losses"] for event in told(build, "progress")]
    assert build("parts", tape, **changes).run(stop_after(4)) == "stopped"
    second = build("parts", tape, **changes)
    second.restore(tmp_path / "parts")
    second.run()
    assert [event["losses"] for event in told(build, "progress")] == losses[4:]
    assert (tape.captured, tape.replayed) == (2, 2)
    build("eager", **changes).run()
    # An untrained network multiplies the rounding of Adam within a few steps.
    for event, loss in zip(told(build, "progress")[:3], losses[:3], strict=True):
        assert event["losses"]["total"] == pytest.approx(loss["total"], rel=1e-3)


def test_a_checkpoint_of_other_settings_is_refused(build: Any, tmp_path: Path) -> None:
    build().run(stop_after(2))
    other = build(intensity="bold")
    with pytest.raises(TrainingError, match="other settings"):
        other.restore(tmp_path / "run")


def test_losses_that_are_no_numbers_go_back_three_times_then_fail(
    build: Any, untrained: SlimAdaIN, tmp_path: Path
) -> None:
    untrained.head.bias.data.fill_(1e30)  # its square is not finite
    broken = save_network(untrained, tmp_path / "broken.safetensors")
    assert build(network=str(broken)).run() == "failed"
    assert len(told(build, "notice")) == 3
    assert told(build, "error")[0]["code"] == "not_a_number"


def test_only_slim_networks_are_tuned(build: Any, tmp_path: Path) -> None:
    full = save_network(FullAdaIN(width=0.125), tmp_path / "full.safetensors")
    with pytest.raises(TrainingError, match="Only slim networks"):
        build(network=str(full))


@pytest.mark.parametrize(
    "wrong", [{"intensity": "wild"}, {"image_size": 30}, {"noise": (0.5, 0.1)}, {"max_steps": 0}]
)
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        parse_config("tune", wrong)


def test_a_tuned_network_paints_as_slim_does(
    build: Any, tmp_path: Path, photo: Callable[..., Picture]
) -> None:
    build().run()
    content = photo(size=72)
    engine = StyleEngine(tmp_path / "run" / FINAL, "torch", "cpu")
    assert engine.fixed_style
    (strip,) = engine.render([RenderRequest(content=content, alphas=[0, 0.25, 0.5, 0.75, 1])])
    np.testing.assert_array_equal(strip[0].pixels, content.pixels)
    away = [np.abs(one.pixels.astype(float) - content.pixels).mean() for one in strip]
    assert all(before < after for before, after in pairwise(away))
    again = StyleEngine(tmp_path / "run" / FINAL, "torch", "cpu")
    assert np.abs(again.stylize(content, alpha=1).pixels.astype(int) - strip[4].pixels).max() <= 1
    quantized = StyleEngine(tmp_path / "run" / FINAL, "torch", "cpu", precision="int8")
    painted = quantized.stylize(content, alpha=1).pixels
    assert np.abs(painted.astype(float) - strip[4].pixels).mean() < 6
    with pytest.raises(StylizeError, match="takes no other"):
        engine.stylize(content, torch.zeros(1, 64))
    matched = engine.stylize(content, color="match").pixels.reshape(-1, 3).astype(float)
    np.testing.assert_allclose(matched.mean(0), content.pixels.reshape(-1, 3).mean(0), atol=8)
