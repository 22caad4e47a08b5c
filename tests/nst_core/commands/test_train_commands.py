from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from nst_core.commands.diagnose import diagnose
from nst_core.commands.evaluate import evaluate
from nst_core.commands.stylize import stylize
from nst_core.commands.train import train
from nst_core.networks.files import load_weights, read_metadata
from nst_core.training.johnson.trainer import JohnsonTrainer

TINY = ["--batch-size", 2, "--image-size", 16, "--style-size", 24, "--cold", "--log-interval", 2]
TINY += ["--checkpoint-interval", 2, "--sample-interval", 3, "--num-workers", 1, "--device", "cpu"]


def run(command: object, *arguments: object) -> Result:
    return CliRunner().invoke(command, [str(part) for part in arguments])  # type: ignore[arg-type]


@pytest.fixture
def places(folders: tuple[Path, Path]) -> list[object]:
    return ["--content-dir", folders[0], "--style-image", folders[1] / "coffee.png"]


def test_the_commands_load_without_torch() -> None:
    code = (
        "import sys\n"
        "from nst_core.commands import diagnose, optimize, train, train_johnson\n"
        "sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_train_one_style_then_stylize_with_it(
    places: list[object], folders: tuple[Path, Path], tmp_path: Path
) -> None:
    folder, samples = tmp_path / "run", tmp_path / "samples"
    wanted = [*TINY, "--max-steps", 4, "--checkpoint-dir", folder, "--output-dir", samples]
    done = run(train, *places, *wanted, "--strength", 2, "--seed", 5, "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["outcome"] == "finished"
    assert document["network"] == str(folder / "final_model.safetensors")
    assert read_metadata(document["network"])["training"]["seed"] == 5
    assert [path.name for path in sorted(samples.iterdir())] == [
        "sample-000003.jpg",
        "sample-000004.jpg",
    ]
    again = run(train, *places, *wanted)
    assert again.exit_code == 2
    assert "--resume" in again.stderr

    out = tmp_path / "o.png"
    done = run(
        stylize, folders[0] / "chelsea.png", "-o", out, "--checkpoint", document["network"],
        "--size", 40, "--alphas", "0,1", "--runtime", "torch", "--metadata", "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    outputs = json.loads(done.stdout)["outputs"]
    assert [Path(each["path"]).name for each in outputs] == ["o-0.png", "o-1.png"]
    with Image.open(tmp_path / "o-1.png") as image:
        assert image.size == (40, 40)
        assert json.loads(str(image.info["Comment"]))["network"] == "run"
    mask = tmp_path / "mask.png"
    Image.new("L", (48, 48), 255).save(mask)
    for option in (("--stroke", 8), ("--keep", mask)):
        done = run(stylize, folders[0] / "chelsea.png", "-o", out, "--checkpoint", document["network"],
                   "--runtime", "torch", *option)  # fmt: skip
        assert done.exit_code == 0, done.output
    with Image.open(out) as kept, Image.open(folders[0] / "chelsea.png") as photo:
        assert kept.tobytes() == photo.tobytes()  # the mask keeps all of it
    refused = run(stylize, folders[0] / "chelsea.png", "-o", out, "--checkpoint", document["network"],
                  "--region", f"mask={mask},style={mask}")  # fmt: skip
    assert refused.exit_code != 0
    many = run(stylize, folders[0], "-o", tmp_path / "many", "--checkpoint", document["network"],
               "--runtime", "torch")  # fmt: skip
    assert many.exit_code == 0, many.output
    assert len(list((tmp_path / "many").iterdir())) == 2
    style = folders[1] / "coffee.png"
    scored = ("--checkpoint", document["network"], "--size", 48, "--runtime", "torch", "--json")
    for alpha, least, most in ((0, 0, 1e-4), (1, 0.01, 10)):
        done = run(evaluate, "--content", folders[0], "--style", style, *scored, "--alpha", alpha)
        assert done.exit_code == 0, done.output
        (row,) = json.loads(done.stdout)["rows"]
        assert (row["network"], row["pairs"]) == (document["network"], 2)
        assert least <= row["content"] < most
    refused = run(evaluate, "--content", folders[0], "--style", folders[1], *scored)
    assert refused.exit_code == 2
    assert "one style" in refused.stderr
    refused = run(
        stylize, folders[0] / "chelsea.png", style, "-o", out, "--checkpoint", document["network"]
    )
    assert refused.exit_code == 2


def test_ctrl_c_leaves_a_checkpoint_and_says_how_to_go_on(
    places: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance = JohnsonTrainer._advance

    def interrupted(self: JohnsonTrainer, *rest: object) -> object:
        if self.state.step == 2 and self.folder.folder.name == "parts":
            signal.raise_signal(signal.SIGINT)
        return advance(self, *rest)  # type: ignore[arg-type]

    wanted = [*places, *TINY, "--max-steps", 6]
    monkeypatch.setattr(JohnsonTrainer, "_advance", interrupted)
    before = signal.getsignal(signal.SIGINT)
    done = run(train, *wanted, "--checkpoint-dir", tmp_path / "parts")
    assert done.exit_code == 130, done.output
    assert f"--resume {tmp_path / 'parts'}" in done.stderr
    assert "Stopped at step 3 of 6" in done.stderr
    assert signal.getsignal(signal.SIGINT) is before
    monkeypatch.setattr(JohnsonTrainer, "_advance", advance)
    done = run(train, *places, "--resume", tmp_path / "parts", "--device", "cpu")
    assert done.exit_code == 0, done.output
    whole = run(train, *wanted, "--checkpoint-dir", tmp_path / "whole")
    assert whole.exit_code == 0, whole.output
    one, two = (
        load_weights(tmp_path / name / "final_model.safetensors", "johnson")
        for name in ("parts", "whole")
    )
    assert all(bool((one[name] == value).all()) for name, value in two.items())


def test_train_refuses_what_does_not_fit_together(places: list[object], tmp_path: Path) -> None:
    folder = ("--checkpoint-dir", tmp_path / "run")
    for wrong, words in (
        ((*places,), "Give --checkpoint-dir"),
        ((*places[:2], *folder), "Give --style-image"),
        ((*places, *folder, "--recolour", "0.5"), "--recolour is not a setting of --kind johnson"),
        (("--kind", "adain", "--tv-weight", "1"), "--tv-weight is not a setting of --kind adain"),
        ((), "Give --content"),
    ):
        done = run(train, *wrong)
        assert done.exit_code == 2, wrong
        assert words in done.stderr
    done = run(train, *places, *folder, "--image-size", 3)
    assert done.exit_code == 2
    assert "3 is not in the range 16<=x<=1024" in done.stderr
    done = run(train, *places, "--resume", tmp_path)
    assert done.exit_code == 1
    assert "holds no checkpoint" in done.stderr


def test_diagnose_says_what_is_wrong_and_what_it_costs(folders: tuple[Path, Path]) -> None:
    (folders[0] / "broken.jpg").write_bytes(b"no")
    options = ("--image-size", 16, "--batch-size", 1, "--cold", "--device", "cpu", "--max-steps", 10)
    done = run(diagnose, folders[0], folders[1] / "coffee.png", *options)
    assert done.exit_code == 0, done.output
    assert "broken.jpg" in done.output
    assert "10 steps would take about" in done.output
    done = run(diagnose, folders[0], folders[0] / "broken.jpg", *options, "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["findings"][0]["code"] == "style_unreadable"
