from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.networks import training_settings
from nst_core.training.config import differences
from params.training import JohnsonTrainConfig

BASE = JohnsonTrainConfig(
    max_steps=2, batch_size=1, image_size=24, style_size=32, early_stop=False, num_workers=1
)


def test_trials_differ_in_one_setting_and_the_base_is_one_of_each() -> None:
    for knob, tried in training_settings.trials(BASE).items():
        name = knob.replace("-", "_")
        assert len({trial.label for trial in tried}) == len(tried) >= 2
        assert [trial.config for trial in tried].count(BASE) == 1
        for trial in tried:
            assert differences(trial.config, BASE.model_dump(mode="json")) in ([], [name])


def test_the_command_writes_a_sheet_for_each_knob_and_a_table(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photographs, styles = folders
    out = tmp_path / "knobs"
    asked = [str(photographs), str(styles / "coffee.png"), "-o", str(out), "--steps", "2"]
    asked += ["--image-size", "24", "--batch-size", "1", "--painted", "2", "--painted-size", "32"]
    training_settings.main([*asked, "--knobs", "strength,warm-start,max-steps"])

    assert {path.name for path in out.glob("*.png")} == {
        "strength.png", "warm-start.png", "max-steps.png"
    }  # fmt: skip
    with Image.open(out / "strength.png") as sheet:
        shown = np.asarray(sheet).astype(int)
    step, words, side = (
        training_settings._SHOWN + training_settings.GAP,
        training_settings._WORDS,
        training_settings._SHOWN,
    )
    assert shown.shape[:2] == (4 * step, words + 2 * step)
    rows = [shown[row * step + 6 : row * step + 6 + side, words : words + side] for row in range(1, 4)]
    assert all(np.abs(one - other).mean() > 0 for one, other in pairwise(rows))
    for row in range(1, 4):  # words beside each row
        assert shown[row * step : (row + 1) * step, :words].min() < 100
    written = (out / "figures.md").read_text()
    assert capsys.readouterr().out.endswith(written)
    assert written.count("\n| ") == 3 + 3 + 2
    # base, two strengths, one cold, and one and six steps: what is alike is trained once
    assert len(list((out / "networks").iterdir())) == 6


def test_what_was_trained_is_not_trained_again(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photographs, styles = folders
    chosen = sorted(photographs.iterdir())

    def run() -> list[training_settings.Result]:
        found = training_settings.compare(
            BASE,
            chosen,
            styles / "rocket.png",
            tmp_path,
            painted=1,
            painted_size=32,
            knobs=["warm-start"],
        )
        return found["warm-start"]

    first = run()
    monkeypatch.setattr(training_settings, "JohnsonTrainer", None)
    again = run()
    assert [result.content for result in first] == [result.content for result in again]
    assert [result.seconds for result in first] == [result.seconds for result in again]
