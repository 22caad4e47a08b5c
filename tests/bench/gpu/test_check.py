"""The check of a graphics card, run on the CPU, small, and with few packages installed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bench.gpu.device_checks import CHECKS, Check, Outcome, run_all
from bench.gpu.parity import Parity
from bench.gpu.render_times import SMALL
from bench.gpu.report import Report
from bench.gpu.settings import PlainSettings, default_settings, read_copy, settings

#: Packages that the machine with the card lacks.
ABSENT = (
    "pydantic",
    "click",
    "flask",
    "celery",
    "sqlalchemy",
    "redis",
    "httpx",
    "openvino",
    "tensorboardX",
)
ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_what_holds_on_a_card_holds_on_the_cpu(check: Check) -> None:
    torch.set_num_threads(1)
    check("cpu")


@pytest.mark.gpu
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_on_a_card(check: Check) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    check("cuda")


@pytest.mark.exhaustive
def test_the_whole_check_runs_with_few_packages(tmp_path: Path) -> None:
    """Every part runs to its end and reports figures, and both files are written."""
    blocked = f"import sys; sys.modules.update(dict.fromkeys({ABSENT!r}))"
    arguments = ["--small", "--device", "cpu", "--out", str(tmp_path)]
    run = f"from bench.gpu.check import main; sys.exit(main({arguments!r}))"
    done = subprocess.run(
        [sys.executable, "-c", f"{blocked}; {run}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "gpu.json").read_text())
    assert report["ok"]
    assert report["errors"] == []
    assert [run["kind"] for run in report["trainings"]] == ["johnson", "tune", "adain"]
    assert all(run["steps"] >= 2 and run["photos_per_second"] > 0 for run in report["trainings"])
    assert {one["network"] for one in report["renders"]} == {"slim", "full", "johnson"}
    differences = {
        one["precision"]: one["levels"] for one in report["parity"] if one["network"] == "slim"
    }
    assert differences["fp32"] == 0
    assert 0 < differences["fp16"] < 1.5
    page = (tmp_path / "gpu.md").read_text()
    assert page == done.stdout
    assert "| one picture, plain PyTorch in fp32 | slim | 3.06 |" in page


def test_a_failed_check_and_a_difference_make_the_report_fail(tmp_path: Path) -> None:
    failing = Report("cpu", SMALL, checks=[Outcome(check="tiles", ok=False, reason="2 levels apart")])
    assert not failing.ok
    far = Report("cpu", SMALL, parity=[Parity(network="slim", precision="fp32", levels=9.0, ok=False)])
    assert not far.ok
    _, page = far.write(tmp_path)
    assert "9 (too far)" in page.read_text()


def test_a_check_that_fails_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(device: str) -> None:
        raise AssertionError(f"{device} is wrong")

    monkeypatch.setattr("bench.gpu.device_checks.CHECKS", (broken,))
    (outcome,) = run_all("cpu")
    assert (outcome.check, outcome.ok) == ("broken", False)
    assert "cpu is wrong" in outcome.reason


def test_the_copy_of_the_default_settings_is_true() -> None:
    """`bench.gpu.settings.write_copy` writes it again after a change of the defaults."""
    assert read_copy() == default_settings()


def test_settings_without_pydantic_are_those_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    model = settings("johnson", batch_size=3)
    monkeypatch.setitem(sys.modules, "pydantic", None)
    for name in ("params.training", "params.errors"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    plain = settings("johnson", batch_size=3)
    assert isinstance(plain, PlainSettings)
    assert json.loads(plain.model_dump_json()) == json.loads(model.model_dump_json())
    assert plain.style_side == model.style_side
