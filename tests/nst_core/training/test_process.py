"""The trainer process: what it refuses, the signals it obeys, and that it resumes exactly."""

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

from nst_core.errors import NstError
from nst_core.networks.files import load_weights, read_metadata
from nst_core.training.events import Event, ExitCode, Notice, parse_event
from nst_core.training.process import prepare

SETTINGS = {
    "max_steps": 100_000, "batch_size": 1, "image_size": 16, "style_size": 24, "warm_start": False,
    "checkpoint_interval": 10, "sample_interval": 1000, "log_interval": 1, "num_workers": 1,
    "early_stop": False,
}  # fmt: skip

Spec = Callable[..., dict[str, Any]]


class Run:
    """A trainer process and its events."""

    def __init__(self, spec: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "nst_core.training.process", str(spec)],
            stdout=subprocess.PIPE,
            text=True,
        )
        self.events: list[dict[str, Any]] = []

    def until(self, name: str, step: int = 0) -> dict[str, Any]:
        """Read up to an event of that name, at that step or later."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event: dict[str, Any] = json.loads(line)
            self.events.append(event)
            if event["event"] == name and event["step"] >= step:
                return event
        raise AssertionError(f"It ended without {name}: {self.events[-3:]}")

    def end(self, number: int | None = None) -> int:
        """Send a signal if one is given, read to the end, and return the exit code."""
        if number is not None:
            self.process.send_signal(number)
        assert self.process.stdout is not None
        self.events += [json.loads(line) for line in self.process.stdout]
        return self.process.wait(PATIENCE)


@pytest.fixture
def spec(folders: tuple[Path, Path], tmp_path: Path) -> Spec:
    def make(folder: str, **changes: Any) -> dict[str, Any]:
        return {
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

    return make


@pytest.fixture
def start(spec: Spec, tmp_path: Path) -> Iterator[Callable[..., Run]]:
    runs: list[Run] = []

    def run(folder: str, **changes: Any) -> Run:
        path = tmp_path / f"{folder}.json"
        path.write_text(json.dumps(spec(folder, **changes)))
        runs.append(Run(path))
        return runs[-1]

    yield run
    for each in runs:
        each.process.kill()
        each.process.wait()
        assert each.process.stdout is not None
        each.process.stdout.close()


@pytest.mark.integration
@pytest.mark.timeout(400)
def test_stopped_killed_and_resumed_it_ends_bit_for_bit_as_if_nothing_had_happened(
    start: Callable[..., Run], spec: Spec, tmp_path: Path
) -> None:
    stopped = start("parts")
    stopped.until("progress", step=2)
    assert stopped.end(signal.SIGTERM) == ExitCode.STOPPED
    last = stopped.events[-1]
    assert last["event"] == "stopped"
    assert Path(last["path"]).is_file()

    killed = start("parts")
    assert killed.until("progress")["step"] == last["step"] + 1
    reached = killed.until("checkpoint", step=last["step"] + 1)["step"]
    assert killed.end(signal.SIGKILL) == -signal.SIGKILL
    reached = max([reached, *(each["step"] for each in killed.events if each["event"] == "checkpoint")])

    resumed = start("parts", settings=SETTINGS | {"max_steps": reached + 3})
    assert resumed.until("progress")["step"] == reached + 1
    assert resumed.end() == ExitCode.FINISHED
    assert not [event for event in resumed.events if event["event"] == "error"]
    whole = prepare(spec("whole", settings=SETTINGS | {"max_steps": reached + 3}), lambda event: None)
    assert whole.run(lambda: None) == "finished"
    one, two = (
        load_weights(tmp_path / f / "final_model.safetensors", "johnson") for f in ("whole", "parts")
    )
    assert all(torch.equal(two[name], value) for name, value in one.items())


@pytest.mark.integration
def test_asked_to_finish_it_ends_with_the_network_as_it_is(
    start: Callable[..., Run], tmp_path: Path
) -> None:
    run = start("run")
    run.until("progress", step=2)
    assert run.end(signal.SIGUSR1) == ExitCode.FINISHED
    finished = run.events[-1]
    assert (finished["event"], finished["reason"]) == ("finished", "asked")
    assert read_metadata(finished["path"])["steps"] == finished["step"]
    assert list((tmp_path / "run-samples").iterdir())


@pytest.mark.integration
def test_a_refusal_is_an_event_and_an_exit_code(start: Callable[..., Run]) -> None:
    run = start("refused", kind="portrait")
    assert run.end() == ExitCode.REFUSED
    (event,) = run.events
    assert event["event"] == "error"
    assert "no training of the kind" in event["message"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"contents": "/nowhere"}, "no folder"),
        ({"style": "/nowhere.png"}, "no file"),
        ({"settings": {"lr": "fast"}}, "lr: Input should be a valid number"),
        (
            {"kind": "adain", "settings": {"batch_size": -1}},
            "batch_size: Input should be greater than or equal to 1",
        ),
    ],
)
def test_bad_input_is_refused_in_a_sentence(spec: Spec, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(NstError) as refused:
        prepare(spec("refused", **changes), lambda event: None)
    assert words in str(refused.value)


def test_broken_files_are_left_out_and_named(spec: Spec, folders: tuple[Path, Path]) -> None:
    (folders[0] / "broken.jpg").write_bytes(b"not a picture")
    events: list[Event] = []
    prepare(spec("run"), events.append)
    (notice,) = [each for each in events if isinstance(each, Notice) and each.code == "unreadable"]
    assert "broken.jpg" in notice.message


def test_checkpoints_that_are_all_damaged_start_the_training_again(spec: Spec, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "checkpoint-00000010.pt").write_bytes(b"damaged")
    events: list[Event] = []
    prepare(spec("run"), events.append)
    assert [each.code for each in events if isinstance(each, Notice)] == ["checkpoints_lost"]


def test_an_adain_training_has_the_same_events_and_outcomes(
    spec: Spec, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    settings = {
        "max_steps": 6, "batch_size": 2, "image_size": 32, "style_size": 32,
        "checkpoint_interval": 2, "sample_interval": 3, "log_interval": 1,
    }  # fmt: skip
    events: list[Event] = []
    adain = spec("adain", kind="adain", style=str(folders[1]), settings=settings)
    polls = iter([None, None, "stop"])
    assert prepare(adain, events.append).run(lambda: next(polls)) == "stopped"  # type: ignore[arg-type]
    assert prepare(adain, events.append).run(lambda: None) == "finished"
    assert {"progress", "checkpoint", "sample", "stopped", "finished"} <= {each.name for each in events}
    assert [each.step for each in events if each.name == "stopped"] == [3]
    metadata = read_metadata(tmp_path / "adain" / "final_model.safetensors")
    assert metadata["architecture"] == "slim_adain"
    assert metadata["steps"] == 6
    # What the process writes is what the worker reads.
    assert [parse_event(json.loads(json.dumps(each.as_json()))) for each in events] == events


@pytest.mark.parametrize(
    "document",
    [{}, {"event": "party", "step": 1}, {"event": "notice", "step": 1}, {"event": "progress"}],
)
def test_what_is_not_an_event_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not an event"):
        parse_event(document)


@pytest.mark.integration
def test_it_ends_when_its_parent_is_killed(spec: Spec, tmp_path: Path) -> None:
    path = tmp_path / "orphan.json"
    path.write_text(json.dumps(spec("orphan")))
    code = (
        "import json, os, pathlib, subprocess, sys, time\n"
        f"path = pathlib.Path({str(path)!r})\n"
        "path.write_text(json.dumps(json.loads(path.read_text()) | {'parent': os.getpid()}))\n"
        "child = subprocess.Popen([sys.executable, '-m', 'nst_core.training.process', str(path)], "
        "stdout=subprocess.DEVNULL)\n"
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
