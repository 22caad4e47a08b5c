"""A real worker that is told, on a CPU, to render waiting pictures of one shape in one pass."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.service_stack import Stack, finished, states

from atelier import Client

#: Long enough for all of a batch to be under way when the signal comes, whatever the machine.
LARGE = 1600


@pytest.fixture(scope="module")
def service_database() -> str:
    # What the database does in these cases is tested with both kinds, without processes.
    return ""


@pytest.fixture
def waiting(stack: Stack, api: Client, photo: Path, painting: Path) -> list[str]:
    """Four jobs of one shape that nobody has taken yet; the worker is stopped."""
    finished(api, api.submit(photo, style=painting)["id"])  # the style is known, the graph compiled
    stack.terminate("worker")
    stack.environment |= {"RENDER_BATCH": "4", "DRAIN_SECONDS": "0"}
    return [
        api.submit(photo, style=painting, size=LARGE, alpha=0.5 + number / 10)["id"]
        for number in range(4)
    ]


def all_run(api: Client, ids: list[str]) -> bool:
    return all(api.job(job_id)["status"] == "running" for job_id in ids)


def test_jobs_that_wait_are_rendered_together(
    stack: Stack, api: Client, photo: Path, painting: Path
) -> None:
    stack.terminate("worker")
    ids = [api.submit(photo, style=painting, alpha=0.1 * number)["id"] for number in range(1, 7)]
    stack.environment["RENDER_BATCH"] = "4"
    stack.start("worker")
    jobs = [finished(api, job_id) for job_id in ids]

    assert {(job["status"], job["attempt"], len(job["outputs"])) for job in jobs} == {
        ("succeeded", 1, 1)
    }
    company = [job["metrics"].get("rendered_together", 1) for job in jobs]
    assert max(company) <= 4
    assert sum(number > 1 for number in company) >= 4  # who is held up for seconds is not waited for
    assert len({api.output(job_id) for job_id in ids}) == 6


def test_a_batch_whose_worker_is_killed_ends_once(
    stack: Stack, api: Client, waiting: list[str]
) -> None:
    stack.start("worker")
    stack.wait_until(lambda: all_run(api, waiting))
    stack.kill("worker")
    stack.start("worker")

    jobs = [finished(api, job_id) for job_id in waiting]
    assert {(job["status"], job["attempt"], len(job["outputs"])) for job in jobs} == {
        ("succeeded", 2, 1)
    }
    again = ["queued", "running", "queued", "running", "succeeded"]
    assert all(states(stack, job_id) == again for job_id in waiting)


def test_a_batch_whose_worker_stops_goes_back_and_spends_nothing(
    stack: Stack, api: Client, waiting: list[str]
) -> None:
    stack.start("worker")
    stack.wait_until(lambda: all_run(api, waiting))
    stack.terminate("worker")

    jobs = [api.job(job_id) for job_id in waiting]
    assert {(job["status"], job["attempt"]) for job in jobs} == {("queued", 0)}
