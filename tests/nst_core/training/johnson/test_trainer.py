from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from support.tape_recorder import TapeRecorder

from nst_core.losses.perceptual import LossNetwork
from nst_core.networks.files import load_weights, read_metadata
from nst_core.runtimes.recorder import DirectRecorder, Recorder
from nst_core.training.checkpoints import CheckpointFolder
from nst_core.training.errors import TrainingError
from nst_core.training.events import Event
from nst_core.training.johnson.trainer import JohnsonTrainer
from nst_core.training.session import FINAL
from params.training import JohnsonTrainConfig

TINY = JohnsonTrainConfig(
    max_steps=8,
    batch_size=2,
    image_size=16,
    style_size=32,
    warm_start=False,
    checkpoint_interval=3,
    sample_interval=4,
    log_interval=2,
    num_workers=1,
)


@pytest.fixture
def build(folders: tuple[Path, Path], tmp_path: Path, loss_network: LossNetwork):  # type: ignore[no-untyped-def]
    content, style = folders
    heard: list[Event] = []

    def make(
        folder: str = "run", recorder: Recorder | None = None, **changes: object
    ) -> JohnsonTrainer:
        heard.clear()
        return JohnsonTrainer(
            TINY.model_copy(update=changes),
            sorted(content.iterdir()),
            style / "coffee.png",
            tmp_path / folder,
            device="cpu",
            on_event=heard.append,
            loss_network=loss_network,
            recorder=recorder,
        )

    make.heard = heard  # type: ignore[attr-defined]
    return make


def told(build: object, name: str) -> list[dict[str, object]]:
    return [event.as_json() for event in build.heard if event.name == name]  # type: ignore[attr-defined]


def after(steps: int) -> Callable[[], str | None]:
    asked = iter([*[None] * (steps - 1), "stop"])
    return lambda: next(asked)


def test_a_run_tells_what_it_does_and_leaves_a_network(build, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    assert build().run() == "finished"
    # On a slow machine there are more, since a progress event is due after some seconds too.
    assert {2, 4, 6, 8} <= {event["step"] for event in told(build, "progress")}
    last = told(build, "progress")[-1]
    assert set(last["losses"]) == {"content", "style", "tv", "total"}  # type: ignore[call-overload]
    assert [event["step"] for event in told(build, "checkpoint")] == [3, 6, 8]
    for event in told(build, "sample"):
        with Image.open(str(event["path"])) as image:
            assert image.size == (48, 16)
    (finished,) = told(build, "finished")
    assert finished["reason"] == "steps"
    metadata = read_metadata(str(finished["path"]))
    assert metadata["architecture"] == "johnson"
    assert metadata["steps"] == 8
    assert metadata["training"]["kind"] == "johnson"
    assert metadata["style"]["name"] == "coffee.png"
    assert metadata["figures"] == finished["figures"]
    assert list((tmp_path / "run" / "logs").glob("events.out.tfevents.*"))


def test_losses_fall(build) -> None:  # type: ignore[no-untyped-def]
    trainer = build(max_steps=25, log_interval=1, early_stop=False)
    trainer.run()
    totals = [event["losses"]["total"] for event in told(build, "progress")]  # type: ignore[index]
    assert totals[-1] < 0.9 * totals[0]


def test_stopping_and_going_on_is_the_same_as_never_stopping(build, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    build("whole").run()
    assert build("parts").run(after(5)) == "stopped"
    assert told(build, "stopped")[0]["step"] == 5
    second = build("parts")
    second.restore(tmp_path / "parts")
    assert second.run() == "finished"
    whole, parts = (load_weights(tmp_path / name / FINAL, "johnson") for name in ("whole", "parts"))
    assert all(torch.equal(parts[name], value) for name, value in whole.items())


@pytest.mark.parametrize("half", [False, True])
def test_recorded_steps_train_as_plain_ones(build, tmp_path: Path, half: bool) -> None:  # type: ignore[no-untyped-def]
    """A stop and a resumption void the recording; the rate and the style weight may change."""
    tape = TapeRecorder()
    changes = {"log_interval": 1, "use_amp": half, "early_stop": False, "max_steps": 8}
    build("plain", DirectRecorder(), **changes).run()
    losses = [event["losses"] for event in told(build, "progress")]
    assert build("parts", tape, **changes).run(after(4)) == "stopped"
    second = build("parts", tape, **changes)
    second.restore(tmp_path / "parts")
    second.run()
    assert [event["losses"] for event in told(build, "progress")] == losses[4:]
    assert (tape.captured, tape.replayed) == (2, 2)
    build("eager", **changes).run()
    for event, loss in zip(told(build, "progress"), losses, strict=True):
        assert event["losses"]["total"] == pytest.approx(loss["total"], rel=0.02)  # type: ignore[index]


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_half_precision_trains_and_goes_on_exactly(  # type: ignore[no-untyped-def]
    build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, half: torch.dtype
) -> None:
    """fp16 and its scaler are for GPUs without bf16; here the CPU is told to be one."""
    if half == torch.float16:
        monkeypatch.setattr(
            "nst_core.training.johnson.state._amp_dtype", lambda asked, device: half if asked else None
        )
    seen: list[torch.dtype] = []
    first = build("whole", use_amp=True, max_steps=14, early_stop=False)
    layer = first.state.network.residuals[0].first.convolution  # type: ignore[index]
    layer.register_forward_hook(lambda *said: seen.append(said[2].dtype))
    assert first.run() == "finished"
    assert set(seen) == {half}  # what is costly is done in half precision
    assert {value.dtype for value in first.state.network.state_dict().values()} == {torch.float32}
    assert first.state.scaler.is_enabled() == (half == torch.float16)
    totals = [event["losses"]["total"] for event in told(build, "progress")]  # type: ignore[index]
    assert totals[-1] < totals[0]

    assert build("parts", use_amp=True, max_steps=14, early_stop=False).run(after(5)) == "stopped"
    second = build("parts", use_amp=True, max_steps=14, early_stop=False)
    second.restore(tmp_path / "parts")
    assert second.run() == "finished"
    assert second.state.scaler.state_dict() == first.state.scaler.state_dict()
    build("exact", max_steps=14, early_stop=False).run()
    whole, parts, exact = (
        load_weights(tmp_path / name / FINAL, "johnson") for name in ("whole", "parts", "exact")
    )
    assert all(torch.equal(parts[name], value) for name, value in whole.items())
    assert not all(torch.equal(exact[name], value) for name, value in whole.items())


def test_fp16_skips_a_step_whose_gradients_overflow_and_halves_its_scale(  # type: ignore[no-untyped-def]
    build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "nst_core.training.johnson.state._amp_dtype", lambda use_amp, device: torch.float16
    )
    state = build(use_amp=True).state
    before = [value.clone() for value in state.network.parameters()]
    scale = state.scaler.get_scale()
    weight = next(state.network.parameters())
    state.optimizer_step((weight * float("inf")).sum())
    assert all(
        torch.equal(one, now) for one, now in zip(before, state.network.parameters(), strict=True)
    )
    assert state.scaler.get_scale() == scale / 2
    state.optimizer_step(
        sum((value.square().sum() for value in state.network.parameters()), torch.zeros(()))
    )
    assert not torch.equal(before[0], next(state.network.parameters()))


def test_a_run_repeats_itself(build, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    build("one").run()
    build("two", num_workers=3, cache_mb=0).run()
    build("other", seed=1).run()
    one, two, other = (
        load_weights(tmp_path / name / FINAL, "johnson") for name in ("one", "two", "other")
    )
    assert all(torch.equal(two[name], value) for name, value in one.items())
    assert not torch.equal(one["head.weight"], other["head.weight"])


def test_it_looks_good_finishes_now(build) -> None:  # type: ignore[no-untyped-def]
    assert build().run(lambda: "finish") == "finished"
    assert told(build, "finished")[0]["reason"] == "asked"
    assert told(build, "finished")[0]["step"] == 1


def test_a_full_disk_at_a_checkpoint_is_told_and_survived(build, no_room, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    trainer = build()
    trainer.run(after(3))
    going_on = build()
    going_on.restore(tmp_path / "run")
    with no_room():
        assert going_on.run(after(4)) == "stopped"
    codes = [event["code"] for event in told(build, "notice")]
    assert codes.count("checkpoint_not_written") == 2
    assert [each.step for each in CheckpointFolder(tmp_path / "run").checkpoints()] == [3]


def test_no_room_for_the_network_fails_and_can_be_gone_on_from(build, no_room, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    build().run(after(6))
    last = build()
    last.restore(tmp_path / "run")
    with no_room():
        assert last.run() == "failed"
    assert told(build, "error")[0]["code"] == "network_not_written"
    assert not (tmp_path / "run" / FINAL).exists()
    again = build()
    again.restore(tmp_path / "run")
    assert again.run() == "finished"


@pytest.mark.parametrize(
    ("change", "words"), [({"lr": 0.5}, r"other settings \(lr\)"), ({"seed": 4}, "other settings")]
)
def test_other_settings_are_not_gone_on_with(build, tmp_path: Path, change, words: str) -> None:  # type: ignore[no-untyped-def]
    build().run(after(2))
    with pytest.raises(TrainingError, match=words):
        build(**change).restore(tmp_path / "run")


def test_more_steps_may_be_asked_for(build, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    build().run()
    longer = build(max_steps=10)
    longer.restore(tmp_path / "run")
    assert longer.run() == "finished"
    assert told(build, "finished")[0]["step"] == 10


def test_no_numbers_send_it_back_with_a_lower_rate(build) -> None:  # type: ignore[no-untyped-def]
    trainer = build(max_steps=6)
    asked = 0

    def poison() -> None:
        nonlocal asked
        asked += 1
        if asked == 3:
            with torch.no_grad():
                trainer.state.network.head.weight.fill_(torch.nan)

    assert trainer.run(poison) == "finished"
    (notice,) = [event for event in told(build, "notice") if event["code"] == "not_a_number"]
    assert "Back at step 0" in str(notice["message"])
    assert "0.0003" in str(notice["message"])
    weights = load_weights(Path(str(told(build, "finished")[0]["path"])), "johnson")
    assert all(torch.isfinite(value).all() for value in weights.values())


@pytest.mark.exhaustive
@pytest.mark.timeout(400)
def test_a_style_weight_of_1e12_is_doubted_then_mended(build) -> None:  # type: ignore[no-untyped-def]
    trainer = build(
        max_steps=190,
        batch_size=1,
        style_weight=1e12,
        warm_start=True,
        log_interval=50,
        early_stop=False,
    )
    assert trainer.run() == "finished"
    notices = {str(event["code"]): str(event["message"]) for event in told(build, "notice")}
    assert "far from" in notices["style_weight_far_off"]
    assert "Back at step 0 with a style weight of" in notices["content_lost"]
    assert trainer.state.style_weight < 1e6
    losses = told(build, "progress")[-1]["losses"]
    assert losses["style"] < 100 * losses["content"]  # type: ignore[index]


def test_what_cannot_be_saved_fails_with_a_reason(build) -> None:  # type: ignore[no-untyped-def]
    trainer = build(max_steps=50)

    def poison() -> None:
        with torch.no_grad():
            trainer.state.network.head.weight.fill_(torch.nan)

    assert trainer.run(poison) == "failed"
    assert [event["code"] for event in told(build, "notice")].count("not_a_number") == 3
    assert told(build, "error")[0]["code"] == "not_a_number"
    assert not told(build, "finished")


def test_half_precision_trains_too(build) -> None:  # type: ignore[no-untyped-def]
    assert build(max_steps=3, use_amp=True).run() == "finished"
    whole = build("checked", max_steps=3, gradient_checkpointing=True)
    assert whole.run() == "finished"


def test_photographs_that_break_are_left_out_and_named(build, folders: tuple[Path, Path]) -> None:  # type: ignore[no-untyped-def]
    trainer = build(num_workers=0)
    (folders[0] / "chelsea.png").write_bytes(b"no picture any more")
    assert trainer.run() == "finished"
    (notice,) = [event for event in told(build, "notice") if event["code"] == "photo_unreadable"]
    assert "chelsea.png" in str(notice["message"])


def test_warm_start_begins_with_the_weights_of_a_file(build, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    build().run()
    path = tmp_path / "run" / FINAL
    warm = build("warm", warm_start=str(path))
    assert torch.equal(
        warm.state.network.head.weight.detach(), load_weights(path, "johnson")["head.weight"]
    )
    with pytest.raises(ValueError, match="no network"):
        build("warm", warm_start=str(tmp_path / "nothing"))


def test_the_order_of_the_photographs_covers_them_all(build) -> None:  # type: ignore[no-untyped-def]
    crops = build().crops
    batches = [crops[step] for step in range(6)]
    assert all(torch.equal(batch, build().crops[step]) for step, batch in enumerate(batches))
    assert batches[0].shape == (2, 3, 16, 16)
    assert not torch.equal(batches[0], batches[1])
    means = [np.sort(batch.float().mean((1, 2, 3)).numpy()) for batch in batches]
    assert all(high - low > 1 for low, high in means), "each batch of two holds both photographs"
