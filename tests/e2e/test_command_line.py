"""The subcommands that talk to a service, against a real one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image
from support.service_stack import Stack

from atelier.cli import main


@pytest.fixture(scope="module")
def service_database() -> str:
    return ""


def atelier(stack: Stack, *arguments: object) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments), "--url", stack.url])


def document(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_job_with_every_control(stack: Stack, photo: Path, painting: Path, tmp_path: Path) -> None:
    out = tmp_path / "strip.webp"
    made = document(
        atelier(
            stack, "submit", photo, painting, "--style", photo, "--style-id", "woodcut",
            "--weights", "2,1,1", "--alphas", "0,1", "--stroke", 8, "--color", "match",
            "--region", f"mask={photo},style_id=night-oils,alpha=0.5,feather=3", "--keep", painting,
            "--format", "webp", "--quality", 80, "--metadata", "-o", out, "--json",
        )
    )  # fmt: skip

    params = made["params"]
    assert made["status"] == "succeeded"
    assert [share["weight"] for share in params["styles"]] == [2, 1, 1]
    assert [region["alpha"] for region in params["regions"]] == [0.5, 0]
    assert [output["alpha"] for output in made["outputs"]] == [0, 1]
    for name in ("strip-0.webp", "strip-1.webp"):
        with Image.open(tmp_path / name) as image:
            assert (image.format, image.size) == ("WEBP", (96, 64))
    for wrong in ("mask=none.png", "alpha=1"):
        assert atelier(stack, "submit", photo, painting, "--region", wrong).exit_code == 2
    assert atelier(stack, "submit", photo, painting, "--weights", "1,2").exit_code == 2
    assert atelier(stack, "submit", photo).exit_code == 2


def test_a_job_from_submit_to_download(
    stack: Stack, photo: Path, painting: Path, tmp_path: Path
) -> None:
    saved, again = tmp_path / "made" / "a.png", tmp_path / "b.png"

    made = document(atelier(stack, "submit", photo, painting, "--alpha", 1, "-o", saved, "--json"))
    assert made["status"] == "succeeded"
    with Image.open(saved) as image:
        assert image.size == (96, 64)

    assert document(atelier(stack, "status", made["id"], "--json"))["params"]["alpha"] == 1.0
    assert document(atelier(stack, "wait", made["id"], "--json"))["id"] == made["id"]
    assert atelier(stack, "download", made["id"], "-o", again).exit_code == 0
    assert again.read_bytes() == saved.read_bytes()
    assert document(atelier(stack, "list", "--json"))[0]["id"] == made["id"]
    converted = tmp_path / "c.webp"
    assert atelier(stack, "download", made["id"][:8], "-o", converted).exit_code == 0
    with Image.open(converted) as image:
        assert (image.format, image.size) == ("WEBP", (96, 64))

    second = document(atelier(stack, "submit", photo, "woodcut", "--wait", "--json"))
    header, newest, *_ = atelier(stack, "list").stdout.splitlines()
    assert header.split() == ["ID", "KIND", "STATUS", "STYLE", "SIZE", "CREATED", "TIME"]
    assert newest.split()[:5] == [second["id"][:8], "stylize", "succeeded", "woodcut", "96×64"]
    shown = atelier(stack, "status", second["id"][:8]).stdout
    assert second["id"] in shown
    assert "style     woodcut" in shown
    assert "96 × 64" in shown
    unknown = "00000000-0000-4000-8000-00000000000"  # a few characters may be those of a job
    assert atelier(stack, "status", unknown).exit_code == 3

    stack.terminate("worker")
    waiting = document(atelier(stack, "submit", photo, "woodcut", "--no-cache", "--json"))
    assert document(atelier(stack, "cancel", waiting["id"], "--json"))["status"] == "canceled"
    assert atelier(stack, "wait", waiting["id"]).exit_code == 6


def test_errors_are_one_line_and_an_exit_code(stack: Stack, photo: Path, tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("no picture")

    for arguments, words in (
        (["status", "nothing"], "no job"),
        (["submit", text, "--style-id", "woodcut"], "notes.txt"),
        (["submit", photo, "--style-id", "none-such"], "none-such"),
    ):
        result = atelier(stack, *arguments)
        assert result.exit_code == 3
        assert words in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1


def test_a_service_that_is_away(photo: Path) -> None:
    result = CliRunner().invoke(main, ["list", "--url", "http://127.0.0.1:1"])

    assert result.exit_code == 4
    assert "No service at http://127.0.0.1:1. Start one with `atelier up`" in result.stderr


def test_a_network_for_another_runtime(stack: Stack, tmp_path: Path) -> None:
    import torch

    stack.start("trainer")
    out = tmp_path / "slim.pt"
    made = document(
        atelier(
            stack, "trainings", "export", "slim", "--format", "torchscript", "-o", out, "--json"
        )
    )  # fmt: skip
    assert (made["kind"], made["status"]) == ("export", "succeeded")
    assert made["metrics"]["report"]["passes"]
    with pytest.warns(DeprecationWarning, match="torch.export"):
        module = torch.jit.load(str(out))  # type: ignore[no-untyped-call]
    image = torch.rand(1, 3, 16, 16)
    _, statistics = module(image, torch.zeros(1, 1), torch.zeros(1, 1))
    kept, _ = module(image, statistics, torch.zeros(1, 1))
    assert torch.equal(kept, image)  # strength 0 is the picture itself
    refused = atelier(stack, "trainings", "export", "absent", "-o", out)
    assert refused.exit_code == 3  # refused
    assert "There is no network 'absent'" in refused.output


def test_a_finished_file_has_its_own_suffix(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A video job's output is saved under a name that players know."""
    pytest.importorskip("av")
    from support.films import sliding

    from tests.support.clips import write_clip

    clip = write_clip(tmp_path / "clip.mp4", sliding(64, 48, 5), 10)
    stack.start("trainer")
    job = document(
        atelier(
            stack, "submit-video", clip, "--style-id", "woodcut", "--size", 64, "--end-s", 0.3,
            "--wait", "--json",
        )
    )  # fmt: skip
    assert (job["kind"], job["status"], job["params"]["end_s"]) == ("video", "succeeded", 0.3)
    monkeypatch.chdir(tmp_path)
    saved = atelier(stack, "download", job["id"])
    assert saved.exit_code == 0, saved.output
    assert (tmp_path / f"{job['id']}.mp4").read_bytes()[4:8] == b"ftyp"
    assert atelier(stack, "submit-video", clip).exit_code == 2
    assert atelier(stack, "submit-video", clip, "--style-id", "woodcut", "--end-s", -1).exit_code == 2
