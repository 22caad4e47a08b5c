from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from support.patience import PATIENCE

from nst_core.networks.files import load_weights, read_metadata

SETTINGS = {
    "max_steps": 160, "batch_size": 1, "image_size": 16, "style_size": 24, "warm_start": False,
    "checkpoint_interval": 50, "sample_interval": 1000, "log_interval": 1, "num_workers": 1,
}  # fmt: skip


class Run:
    """A training process and what it says."""

    def __init__(self, spec: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "nst_core.training.process", str(spec)],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.events: list[dict[str, Any]] = []

    def until(self, name: str, step: int = 0) -> dict[str, Any]:
        """Listen up to an event of that name, at that step or later."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event: dict[str, Any] = json.loads(line)
            self.events.append(event)
            if event["event"] == name and event["step"] >= step:
                return event
        raise AssertionError(f"It ended without {name}: {self.events[-3:]}")

    def end(self, number: int | None = None) -> int:
        """Send a signal if one is given, listen to the end, and return the exit code."""
        if number is not None:
            self.process.send_signal(number)
        assert self.process.stdout is not None
        self.events += [json.loads(line) for line in self.process.stdout]
        return self.process.wait(PATIENCE)


@pytest.fixture
def start(folders: tuple[Path, Path], tmp_path: Path) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def run(folder: str, **changes: Any) -> Run:
        spec = {
            "kind": "johnson",
            "contents": str(folders[0]),
            "style": str(folders[1] / "coffee.png"),
            "checkpoint_dir": str(tmp_path / folder),
            "samples_dir": str(tmp_path / f"{folder}-samples"),
            "settings": SETTINGS,
            "resume": True,
            "threads": 1,
            "device": "cpu",
        } | changes
        path = tmp_path / f"{folder}.json"
        path.write_text(json.dumps(spec))
        runs.append(Run(path))
        return runs[-1]

    yield run
    for each in runs:
        each.process.kill()
        each.process.wait()
        assert each.process.stdout is not None
        each.process.stdout.close()


@pytest.mark.exhaustive
@pytest.mark.integration
@pytest.mark.timeout(400)
def test_killed_at_step_137_and_resumed_ends_bit_for_bit_as_if_never_killed(
    start: Callable[..., Run], tmp_path: Path
) -> None:
    killed = start("killed")
    killed.until("progress", step=137)
    assert killed.end(signal.SIGKILL) == -signal.SIGKILL
    resumed = start("killed")
    assert resumed.until("progress")["step"] == 101
    assert resumed.end() == 0
    whole = start("whole")
    assert whole.end() == 0
    assert not [event for event in whole.events if event["event"] == "error"]
    one, two = (
        load_weights(tmp_path / f / "final_model.safetensors", "johnson") for f in ("whole", "killed")
    )
    assert all(torch.equal(two[name], value) for name, value in one.items())


@pytest.mark.integration
def test_asked_to_stop_it_saves_and_says_so_and_asked_to_finish_it_does(
    start: Callable[..., Run], tmp_path: Path
) -> None:
    run = start("run")
    run.until("progress", step=2)
    assert run.end(signal.SIGTERM) == 75
    stopped = run.events[-1]
    assert stopped["event"] == "stopped"
    assert Path(stopped["path"]).is_file()
    again = start("run")
    assert again.until("progress")["step"] == stopped["step"] + 1
    assert again.end(signal.SIGUSR1) == 0
    finished = again.events[-1]
    assert finished["event"] == "finished"
    assert finished["reason"] == "asked"
    assert read_metadata(finished["path"])["steps"] == finished["step"] < 160
    assert list((tmp_path / "run-samples").iterdir())


@pytest.mark.integration
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "portrait"}, "no training of the kind"),
        ({"contents": "/nowhere"}, "no folder"),
        ({"style": "/nowhere.png"}, "no file"),
        ({"settings": {"lr": "fast"}}, "lr is a number"),
        ({"kind": "adain", "settings": {"batch_size": -1}}, "batch_size can't be -1"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(
    start: Callable[..., Run], changes: dict[str, Any], words: str
) -> None:
    run = start("refused", **changes)
    assert run.end() == 2
    (event,) = [event for event in run.events if event["event"] == "error"]
    assert words in event["message"]
    assert "\n" not in event["message"]


@pytest.mark.integration
def test_broken_files_are_left_out_and_named(
    start: Callable[..., Run], folders: tuple[Path, Path]
) -> None:
    (folders[0] / "broken.jpg").write_bytes(b"not a picture")
    run = start("run", settings=SETTINGS | {"max_steps": 2})
    assert run.end() == 0
    (notice,) = [event for event in run.events if event.get("code") == "unreadable"]
    assert "broken.jpg" in notice["message"]


@pytest.mark.integration
def test_an_adain_training_speaks_the_same_language(
    start: Callable[..., Run], folders: tuple[Path, Path], tmp_path: Path
) -> None:
    settings = {
        "steps": 6, "batch_size": 2, "content_size": 32, "style_size": 32, "cache_mb": 50,
        "checkpoint_interval": 2, "sample_interval": 3, "log_interval": 1,
    }  # fmt: skip
    run = start("adain", kind="adain", style=str(folders[1]), settings=settings)
    run.until("progress", step=3)
    assert run.end(signal.SIGTERM) == 75
    again = start("adain", kind="adain", style=str(folders[1]), settings=settings)
    assert again.end() == 0
    names = {event["event"] for event in run.events + again.events}
    assert {"progress", "checkpoint", "sample", "stopped", "finished"} <= names
    metadata = read_metadata(tmp_path / "adain" / "final_model.safetensors")
    assert metadata["architecture"] == "slim_adain"
    assert metadata["steps"] == 6


@pytest.mark.integration
def test_it_ends_when_its_parent_is_killed(start: Callable[..., Run], tmp_path: Path) -> None:
    start("orphan").end(signal.SIGKILL)  # writes the description
    code = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-m', 'nst_core.training.process', "
        f"{str(tmp_path / 'orphan.json')!r}], stdout=subprocess.DEVNULL)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    time.sleep(0.5)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and _alive(child):
        time.sleep(0.1)
    assert not _alive(child)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z" and os.path.exists(f"/proc/{pid}")
