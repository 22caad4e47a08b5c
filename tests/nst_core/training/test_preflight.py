from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from nst_core.images.picture import Picture
from nst_core.training.config import parse_config
from nst_core.training.errors import TrainingError
from nst_core.training.events import Event, Notice
from nst_core.training.preflight import diagnose, memory_mb, readable_pictures, report_preflight
from params.training import JohnsonTrainConfig

CONFIG = JohnsonTrainConfig(
    image_size=32, style_size=32, batch_size=1, warm_start=False, max_steps=100, num_workers=0
)


@pytest.fixture
def mixed(tmp_path: Path, photo: Callable[..., Picture]) -> Path:
    """A good photograph, a copy of it, a tiny one, one cut short, and one that is none."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    Image.fromarray(photo("chelsea", 64).pixels).save(folder / "a.png")
    Image.fromarray(photo("chelsea", 64).pixels).save(folder / "b.png")
    Image.fromarray(photo("coffee", 9).pixels).save(folder / "tiny.png")
    (folder / "cut.png").write_bytes((folder / "a.png").read_bytes()[:900])
    (folder / "none.jpg").write_bytes(b"hello")
    return folder


@pytest.fixture
def style(tmp_path: Path, photo: Callable[..., Picture]) -> Path:
    path = tmp_path / "style.png"
    Image.fromarray(photo("rocket", 140).pixels).save(path)
    return path


def test_it_names_every_kind_of_bad_file(mixed: Path, style: Path) -> None:
    found = diagnose(mixed, style, CONFIG, device="cpu")
    named = {finding.code: finding.files for finding in found.findings}
    assert set(named["unreadable"]) == {"cut.png", "none.jpg"}
    assert named["duplicate"] == ("b.png",)
    assert named["tiny"] == ("tiny.png",)
    assert "too_few" in named
    assert found.ok
    assert found.photos == 2
    assert found.estimate is not None
    assert found.estimate.seconds > 0
    # 100 steps of one photograph. The seconds are rounded to a tenth, which is much on a fast machine.
    expected = 100 / found.estimate.images_per_second
    assert found.estimate.seconds == pytest.approx(expected, rel=0.1, abs=0.06)
    assert json.loads(json.dumps(found.as_json()))["ok"] is True


def test_what_stands_in_the_way_comes_first(mixed: Path, tmp_path: Path) -> None:
    for path in ("a.png", "b.png", "tiny.png"):
        (mixed / path).unlink()
    found = diagnose(mixed, tmp_path / "nothing.png", CONFIG, device="cpu")
    assert [finding.code for finding in found.findings if finding.level == "error"] == [
        "no_photos",
        "style_unreadable",
    ]
    assert found.findings[0].level == "error"
    assert not found.ok
    assert found.estimate is None
    assert not diagnose(tmp_path / "nowhere", mixed, CONFIG, device="cpu").ok


def test_a_flat_or_small_style_is_doubted(mixed: Path, tmp_path: Path) -> None:
    path = tmp_path / "flat.png"
    Image.new("RGB", (40, 40), "teal").save(path)
    found = diagnose(mixed, path, CONFIG, device="cpu", measure=False)
    assert {"style_flat", "style_small"} <= {finding.code for finding in found.findings}


def test_more_memory_than_there_is_is_an_error(mixed: Path, style: Path) -> None:
    huge = CONFIG.model_copy(update={"image_size": 1024, "batch_size": 256})
    found = diagnose(mixed, style, huge, device="cpu", measure=False)
    assert not found.ok
    assert found.findings[0].code == "memory"
    assert memory_mb(huge) > memory_mb(huge.model_copy(update={"gradient_checkpointing": True}))


def test_a_loss_network_that_is_not_there_is_said_before_hours_are_spent(
    mixed: Path, style: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nst_core.networks import vgg

    def refuse(depth: int) -> None:
        raise vgg.VggError("VGG-19 could not be downloaded.")

    monkeypatch.setattr(vgg, "_download", refuse)
    found = diagnose(mixed, style, CONFIG.model_copy(update={"loss_network": "vgg19"}), device="cpu")
    assert found.findings[0].code == "cannot_train"


def test_only_what_can_be_read_is_trained_on(mixed: Path) -> None:
    heard: list[Event] = []
    kept = readable_pictures(sorted(mixed.iterdir()), heard.append)
    assert "none.jpg" not in [path.name for path in kept]
    assert heard[0].as_json()["code"] == "unreadable"
    with pytest.raises(TrainingError, match="None of the pictures"):
        readable_pictures([mixed / "none.jpg"], heard.append)


def test_the_bench_compares_with_the_plain_loop_of_the_same_run() -> None:
    from bench.networks.training import measure

    found = measure(16, 2, rounds=2, device="cpu")
    assert found.images_per_second > 0
    assert found.ratio == pytest.approx(
        found.images_per_second / found.plain_images_per_second, rel=0.5
    )


def test_before_a_training_it_tells_what_it_found_and_the_cost(mixed: Path, style: Path) -> None:
    events: list[Event] = []
    report_preflight(
        readable_pictures(sorted(mixed.iterdir()), events.append), style, CONFIG, events.append, "cpu"
    )

    told = {event.code: event.message for event in events if isinstance(event, Notice)}
    assert {"unreadable", "duplicate", "tiny", "too_few", "estimate"} <= set(told)
    assert "b.png" in told["duplicate"]
    assert "100 steps" in told["estimate"]


def test_what_stands_in_the_way_ends_it_before_it_begins(mixed: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError):
        report_preflight([mixed / "a.png"], tmp_path / "none.png", CONFIG, lambda event: None, "cpu")


def test_a_tuning_is_checked_and_timed_too(mixed: Path, style: Path) -> None:
    config = parse_config("tune", {"batch_size": 1, "image_size": 32, "style_size": 48})
    found = diagnose(mixed, style, config, device="cpu")
    assert found.ok
    assert {"unreadable", "too_few"} <= {finding.code for finding in found.findings}
    assert found.estimate is not None
    assert found.estimate.seconds > 0
