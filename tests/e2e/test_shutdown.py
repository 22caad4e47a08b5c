"""Workers that are told to stop: nothing is lost, nothing is done twice, no attempt is spent."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from support.patience import PATIENCE
from support.service_stack import Stack, finished, states

from atelier import Client

#: Long enough for a render to be under way when the signal comes, whatever the machine.
LARGE = 2400


@pytest.fixture(scope="module")
def service_database() -> str:
    # What the database does in these cases is tested with both kinds, without processes.
    return ""


def submit_large(stack: Stack, api: Client, photo: Path, painting: Path) -> str:
    finished(api, api.submit(photo, style=painting)["id"])  # the worker is warm
    job_id: str = api.submit(photo, style=painting, size=LARGE)["id"]
    stack.wait_until(lambda: api.job(job_id)["status"] == "running")
    return job_id


def restart_worker(stack: Stack, **environment: str) -> None:
    stack.terminate("worker")
    stack.environment.update(environment)
    stack.start("worker")


@pytest.mark.smoke
def test_a_job_that_ends_in_time_is_ended(
    stack: Stack, api: Client, photo: Path, painting: Path
) -> None:
    restart_worker(stack, DRAIN_SECONDS=str(PATIENCE))
    job_id = submit_large(stack, api, photo, painting)

    assert stack.terminate("worker") == 0

    job = api.job(job_id)
    assert (job["status"], job["attempt"], len(job["outputs"])) == ("succeeded", 1, 1)


@pytest.mark.parametrize("group", [False, True], ids=["the process", "the process group"])
def test_a_job_that_takes_too_long_goes_back_into_the_queue(
    stack: Stack, api: Client, photo: Path, painting: Path, group: bool
) -> None:
    restart_worker(stack, DRAIN_SECONDS="0")
    job_id = submit_large(stack, api, photo, painting)

    stack.terminate("worker", group=group)
    job = api.job(job_id)
    assert (job["status"], job["attempt"]) == ("queued", 0)
    stack.start("worker")
    job = finished(api, job_id)

    assert (job["status"], job["attempt"], len(job["outputs"])) == ("succeeded", 1, 1)
    assert states(stack, job_id) == ["queued", "running", "queued", "running", "succeeded"]


def test_a_rolling_deploy_under_load(stack: Stack, api: Client, photo: Path, painting: Path) -> None:
    stack.start("worker-2")
    ids = [api.submit(photo, style=painting, alpha=number / 20)["id"] for number in range(20)]

    for worker in ("worker", "worker-2", "worker"):
        stack.terminate(worker)
        stack.start(worker)
    jobs = [finished(api, job_id) for job_id in ids]

    assert {(job["status"], job["attempt"], len(job["outputs"])) for job in jobs} == {
        ("succeeded", 1, 1)
    }
    assert all(states(stack, job_id)[-1] == "succeeded" for job_id in ids)


def test_a_cold_shutdown_ends_too(stack: Stack, api: Client, photo: Path, painting: Path) -> None:
    restart_worker(stack, DRAIN_SECONDS="0")
    job_id = submit_large(stack, api, photo, painting)

    worker = stack.running.pop("worker")
    worker.send_signal(signal.SIGQUIT)
    worker.wait(PATIENCE)
    stack.start("worker")

    job = finished(api, job_id)
    assert (job["status"], len(job["outputs"])) == ("succeeded", 1)
