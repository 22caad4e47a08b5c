from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

from bench.networks.command import bench
from nst_core.commands.evaluate import evaluate
from nst_core.commands.quantize import quantize
from nst_core.commands.stylize import stylize
from nst_core.commands.train import train
from nst_core.networks.files import read_metadata, save_network
from nst_core.networks.registry import open_network
from nst_core.networks.slim import SlimAdaIN

TINY = [
    "--batch-size",
    "2",
    "--content-size",
    "32",
    "--style-size",
    "32",
    "--widths",
    "8,8,8",
    "--cache-mb",
    "50",
]


@pytest.fixture
def network(untrained: SlimAdaIN, tmp_path: Path) -> Path:
    return save_network(untrained, tmp_path / "net.safetensors")


@pytest.fixture
def run() -> Callable[..., Result]:
    def invoke(command: object, *arguments: object) -> Result:
        return CliRunner().invoke(command, [str(part) for part in arguments])  # type: ignore[arg-type]

    return invoke


def test_importing_a_command_leaves_torch_alone() -> None:
    code = (
        "import sys\n"
        "import bench.networks.command\n"
        "from nst_core.commands import evaluate, export, import_network\n"
        "from nst_core.commands import quantize, stylize, train, video\n"
        "sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_stylize_a_file(run, folders: tuple[Path, Path], network: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    content, style = folders
    out = tmp_path / "new" / "out.jpg"
    done = run(
        stylize, content / "chelsea.png", style / "coffee.png", "-o", out, "--network", network,
        "--runtime", "torch", "--size", 32, "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["runtime"] == "torch"
    assert [entry["path"] for entry in document["outputs"]] == [str(out)]
    with Image.open(out) as image:
        assert (image.format, image.size) == ("JPEG", (32, 32))
    assert [path.name for path in out.parent.iterdir()] == ["out.jpg"]


def test_stylize_with_every_control(  # type: ignore[no-untyped-def]
    run, folders: tuple[Path, Path], network: Path, tmp_path: Path
) -> None:
    content, style = folders
    mask = tmp_path / "mask.png"
    Image.new("L", (4, 4), 255).save(mask)
    done = run(
        stylize, content / "chelsea.png", style / "coffee.png", "--style", style / "rocket.png",
        "--weights", "2,1", "--alphas", "0,.5,1", "--color", "match", "--stroke", 8, "--size", 40,
        "--region", f"mask={mask},style={style / 'rocket.png'},alpha=0.5,feather=3",
        "--metadata", "--network", network, "--runtime", "torch", "-o", tmp_path / "o.webp", "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    outputs = json.loads(done.stdout)["outputs"]
    assert [output["alpha"] for output in outputs] == [0, 0.5, 1]
    assert [Path(output["path"]).name for output in outputs] == ["o-0.webp", "o-0.5.webp", "o-1.webp"]
    with Image.open(tmp_path / "o-0.5.webp") as image:
        assert (image.format, image.size) == ("WEBP", (40, 40))
        comment = image.getexif().get_ifd(0x8769)[0x9286].removeprefix(b"ASCII\0\0\0")
    recorded = json.loads(comment)
    assert (recorded["alpha"], recorded["weights"]) == (0.5, [2, 1])
    assert recorded["styles"] == ["coffee.png", "rocket.png"]


def test_stylize_keeps_what_a_mask_keeps(  # type: ignore[no-untyped-def]
    run, folders: tuple[Path, Path], network: Path, tmp_path: Path
) -> None:
    content, style = folders[0] / "chelsea.png", folders[1] / "coffee.png"
    mask = tmp_path / "mask.png"
    Image.new("L", (1, 1), 255).save(mask)
    out = tmp_path / "o.png"
    done = run(
        stylize, content, style, "--keep", mask, "-o", out, "--network", network, "--runtime", "torch"
    )
    assert done.exit_code == 0, done.output
    with Image.open(content) as before, Image.open(out) as after:
        assert before.convert("RGB").tobytes() == after.convert("RGB").tobytes()


def test_stylize_refuses_controls_that_do_not_fit(  # type: ignore[no-untyped-def]
    run, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    photo, style = folders[0] / "chelsea.png", folders[1] / "coffee.png"
    out = ("-o", tmp_path / "o.png")
    for wrong in (
        (photo,),
        (photo, style, "--weights", "1,2"),
        (photo, folders[1], "--style", style),
        (photo, style, "--alphas", "0,2"),
        (photo, style, "--alphas", "some"),
        (photo, style, "--stroke", "100"),
        (photo, style, "--color", "sepia"),
        (photo, style, "--region", "alpha=0.5"),
        (photo, style, "--region", f"mask={tmp_path / 'none.png'}"),
        (photo, style, "--region", f"mask={photo},blur=3"),
        (photo, style, "--region", f"mask={photo},alpha=9"),
    ):
        refused = run(stylize, *wrong, *out)
        assert refused.exit_code == 2, wrong
    assert not (tmp_path / "o.png").exists()


def test_stylize_folders_and_name_what_is_bad(  # type: ignore[no-untyped-def]
    run, folders: tuple[Path, Path], network: Path, tmp_path: Path
) -> None:
    content, style = folders
    (content / "broken.png").write_bytes(b"nothing")
    (content / "deeper").mkdir()
    Image.new("RGB", (16, 16)).save(content / "deeper" / "chelsea.png")
    done = run(
        stylize, content, style, "-o", tmp_path / "out", "--network", network, "--runtime", "torch",
        "--format", "webp", "--json",
    )  # fmt: skip
    assert done.exit_code == 1
    document = json.loads(done.stdout)
    assert [Path(entry["path"]).name for entry in document["failed"]] == ["broken.png"]
    assert "broken.png" in done.stderr
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == sorted(
        f"{c}-{s}.webp"
        for c, s in (
            ("astronaut", "coffee"),
            ("astronaut", "rocket"),
            ("chelsea", "coffee"),
            ("chelsea", "coffee-2"),
            ("chelsea", "rocket"),
            ("chelsea", "rocket-2"),
        )
    )


def test_stylize_refuses(run, folders: tuple[Path, Path], network: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    content, style = folders[0] / "chelsea.png", folders[1] / "coffee.png"
    assert run(stylize, content, style, "-o", tmp_path / "out.xyz", "--network", network).exit_code == 2
    assert run(stylize, content, style, "-o", tmp_path / "o.png", "--alpha", 2).exit_code == 2
    assert run(stylize, tmp_path / "missing", style, "-o", tmp_path / "o.png").exit_code == 2
    wrong = run(stylize, content, style, "-o", tmp_path / "o.png", "--network", "cubism")
    assert wrong.exit_code == 1
    assert "cubism" in wrong.stderr
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"nothing")
    bad = run(
        stylize, broken, style, "-o", tmp_path / "o.png", "--network", network, "--runtime", "torch"
    )
    assert bad.exit_code == 1
    assert "broken.png is not a JPEG, PNG," in bad.stderr
    assert not (tmp_path / "o.png").exists()


def test_train_resume_and_evaluate(run, folders: tuple[Path, Path], tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    content, style = folders
    paths = ("--content", content, "--style", style)
    once, twice = tmp_path / "once.safetensors", tmp_path / "twice.safetensors"
    done = run(train, *paths, "--out", once, *TINY, "--steps", 4, "--save-every", 2, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["steps"] == 4
    assert read_metadata(once)["training"]["batch_size"] == 2
    assert read_metadata(once)["settings"]["widths"] == [8, 8, 8]

    half = run(train, *paths, "--out", twice, *TINY, "--steps", 2)
    assert half.exit_code == 0, half.output
    again = run(train, *paths, "--out", twice, "--steps", 4, "--resume", tmp_path / "twice.state")
    assert again.exit_code == 0, again.output
    assert read_metadata(twice)["training"] == read_metadata(once)["training"]
    assert read_metadata(twice)["steps"] == 4

    done = run(
        evaluate, "--content", content, "--style", style, "--network", once, "--baselines",
        "--size", 48, "--style-size", 48, "--runtime", "torch", "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    rows = {row["network"]: row for row in json.loads(done.stdout)["rows"]}
    assert rows["content itself"]["content"] < 1e-4
    assert rows[str(once)]["pairs"] == 4
    table = run(evaluate, "--content", content, "--style", style, "--baselines", "--size", 32)
    assert "color transfer" in table.stdout


def test_evaluate_scores_the_texture_that_is_asked_for(  # type: ignore[no-untyped-def]
    run, folders: tuple[Path, Path]
) -> None:
    content, style = folders
    paths = ("--content", content, "--style", style, "--size", 48, "--runtime", "torch", "--json")
    scores = {}
    for texture in (0, 1):
        done = run(evaluate, *paths, "--texture", texture)
        assert done.exit_code == 0, done.output
        found = json.loads(done.stdout)
        assert found["texture"] == texture
        scores[texture] = found["rows"][0]["content"]
    assert scores[1] > scores[0] + 0.01  # noise takes the output away from the photograph


def test_ctrl_c_saves_a_state_to_go_on_from(  # type: ignore[no-untyped-def]
    run, folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nst_core.training.adain.trainer import AdaINTrainer

    advance = AdaINTrainer._advance

    def interrupted(self: AdaINTrainer) -> object:
        if self.step == 1:
            signal.raise_signal(signal.SIGINT)
        return advance(self)

    monkeypatch.setattr(AdaINTrainer, "_advance", interrupted)
    before = signal.getsignal(signal.SIGINT)
    content, style = folders
    done = run(
        train, "--content", content, "--style", style, "--out", tmp_path / "n.safetensors", *TINY
    )
    assert done.exit_code == 130, done.output
    assert torch.load(tmp_path / "n.state", weights_only=True)["step"] == 2
    assert "--resume" in done.stderr
    assert signal.getsignal(signal.SIGINT) is before


def test_train_refuses(run, folders: tuple[Path, Path], tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    paths = ("--content", folders[0], "--style", folders[1], "--out", tmp_path / "n.safetensors")
    assert run(train, *paths, "--widths", "8,x").exit_code == 2
    assert run(train, *paths, "--width", "0.5").exit_code == 2
    (tmp_path / "bad.state").write_bytes(b"nothing")
    bad = run(train, *paths, "--resume", tmp_path / "bad.state")
    assert bad.exit_code == 1
    assert "is not the state file" in bad.stderr
    assert run(train, *paths, "--hold-out", 1).exit_code == 1


def test_quantize_then_use_int8(run, folders: tuple[Path, Path], tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    content, style = folders
    out, options = tmp_path / "both.safetensors", ["--content", content, "--style", style]
    result = run(quantize, "slim", *options, "--out", out, "--pictures", 6, "--size", 64,
                 "--least-psnr", 20, "--json")  # fmt: skip
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["psnr_least"] > 20
    assert report["int8"]["style"] == pytest.approx(report["fp32"]["style"], rel=0.3, abs=0.02)
    assert open_network(out, "int8") is not None
    refused = run(quantize, "slim", *options, "--out", tmp_path / "no.safetensors", "--pictures", 3,
                  "--size", 64, "--least-psnr", 90)  # fmt: skip
    assert refused.exit_code == 1
    assert "nothing was written" in refused.output
    assert not (tmp_path / "no.safetensors").exists()


def test_int8_of_a_network_without_ranges_says_what_to_do(run, network: Path) -> None:  # type: ignore[no-untyped-def]
    result = run(bench, "--sizes", 32, "--networks", f"{network}:int8", "--rounds", 1)
    assert result.exit_code == 1
    assert "atelier quantize" in result.output
    assert run(bench, "--sizes", 32, "--networks", "slim:int4").exit_code == 1


def test_bench_prints_one_document(run, network: Path) -> None:  # type: ignore[no-untyped-def]
    done = run(
        bench, "--sizes", 32, "--networks", network, "--runtimes", "torch", "--batches", "1,3",
        "--rounds", 1, "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    row, together = json.loads(done.stdout)["rows"]
    assert (row["batch"], together["batch"]) == (1, 3)
    assert together["ms"] > 0
    assert {"network", "runtime", "size", "ms", "vs_full_eager", "peak_rss_mb"} <= set(row)
    assert row["runtime"] == "torch"
    assert row["peak_rss_mb"] > 50
    assert 0 < row["outside_share"] < 1
    assert run(bench, "--sizes", "big").exit_code == 2
    assert run(bench, "--batches", "0").exit_code == 2


def test_the_result_is_no_source(
    run: Callable[..., Result], network: Path, folders: tuple[Path, Path]
) -> None:
    content, style = next(folders[0].iterdir()), next(folders[1].iterdir())
    before = content.read_bytes()
    for target in (content, style):
        done = run(stylize, content, style, "-o", target, "--network", network)
        assert done.exit_code == 2
        assert "is a source itself. Name another file." in done.output
    assert content.read_bytes() == before
