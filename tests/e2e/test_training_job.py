"""A training through real processes: watched, killed, drained, and its network put to use."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image
from support.service_stack import Stack, finished, states
from support.tests_support import zipped

from atelier import Client

ENDLESS = {
    "kind": "train",
    "name": "mine",
    "max_steps": "100000",
    "batch_size": "1",
    "image_size": "32",
    "checkpoint_interval": "2",
    "sample_interval": "5",
    "early_stop": "false",
}


@pytest.fixture
def training(stack: Stack, photo: Path, painting: Path) -> dict[str, Any]:
    archive = zipped({"a.png": photo.read_bytes(), "b.png": painting.read_bytes()})
    sent = stack.ask(
        "POST", "/v1/datasets", files={"file": ("d.zip", archive)}, data={"name": "Two pictures"}
    ).json()
    stack.start("trainer")
    form = {**ENDLESS, "dataset_id": sent["id"]}
    files = {"style": ("s.png", painting.read_bytes())}
    job: dict[str, Any] = stack.ask("POST", "/v1/jobs", data=form, files=files).json()
    return job


def step(api: Client, job_id: str) -> int:
    progress = api.job(job_id)["progress"] or {}
    return int(progress.get("step", 0)) if progress.get("stage") == "train" else 0


def trainers(stack: Stack) -> list[psutil.Process]:
    """The training processes of this stack."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        command = " ".join(process.info["cmdline"] or [])
        if "nst_core.training.process" in command and str(stack.home) in command:
            found.append(process)
    return found


def test_a_training_whose_worker_is_killed_goes_on_and_its_network_is_used(
    stack: Stack, api: Client, training: dict[str, Any], photo: Path
) -> None:
    job_id = training["id"]
    stack.wait_until(lambda: step(api, job_id) >= 3)
    reached = step(api, job_id)
    stack.kill("trainer")
    stack.wait_until(lambda: not trainers(stack))  # it does not outlive its worker
    stack.wait_until(lambda: api.job(job_id)["status"] == "queued")
    stack.start("trainer")
    stack.wait_until(lambda: step(api, job_id) > reached)
    losses = stack.ask("GET", f"/v1/jobs/{job_id}/losses").json()["items"]
    steps = [loss["step"] for loss in losses]
    assert steps == sorted(set(steps))

    stack.ask("POST", f"/v1/jobs/{job_id}/finish")
    job = finished(api, job_id)

    assert (job["status"], job["metrics"]["reason"]) == ("succeeded", "asked")
    assert states(stack, job_id) == ["queued", "running", "queued", "running", "succeeded"]
    samples = stack.ask("GET", f"/v1/jobs/{job_id}/samples").json()["items"]
    assert samples
    events = stack.ask("GET", f"/v1/jobs/{job_id}/events").text
    assert "event: sample" in events
    (network,) = stack.ask("GET", "/v1/networks").json()["items"]
    assert (network["name"], network["version"], network["job_id"]) == ("mine", 1, job_id)
    used = finished(api, api.submit(photo, network="mine")["id"])
    assert used["status"] == "succeeded", used["error"]
    with Image.open(io.BytesIO(api.output(used["id"])[0])) as image:
        assert image.size == (96, 64)


def test_a_deploy_costs_a_training_nothing(stack: Stack, api: Client, training: dict[str, Any]) -> None:
    job_id = training["id"]
    stack.wait_until(lambda: step(api, job_id) >= 3)

    assert stack.terminate("trainer", group=True) == 0

    job = api.job(job_id)
    assert (job["status"], job["attempt"]) == ("queued", 0)
    assert not trainers(stack)
    reached = stack.ask("GET", f"/v1/jobs/{job_id}/losses").json()["items"][-1]["step"]
    stack.start("trainer")
    stack.wait_until(lambda: step(api, job_id) > reached)
    assert api.cancel(job_id)["status"] in {"running", "canceled"}  # as the worker has heard of it
    assert finished(api, job_id)["status"] == "canceled"
    stack.wait_until(lambda: not trainers(stack))
