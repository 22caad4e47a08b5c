"""A person's whole way through real processes, and what happens when they are killed."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from support.service_stack import Stack, finished, states

from atelier import Client


@pytest.mark.smoke
def test_a_picture_and_its_job_survive_a_restart_of_everything(
    stack: Stack, api: Client, photo: Path, painting: Path
) -> None:
    submitted = api.submit(photo, style=painting, alpha=0.8)
    assert submitted["status"] == "queued"
    job = finished(api, submitted["id"])
    data, media_type = api.output(job["id"])

    stack.stop()
    stack.start("redis", "web", "worker", "maintenance")

    assert api.job(job["id"])["status"] == "succeeded"
    assert states(stack, job["id"]) == ["queued", "running", "succeeded"]
    assert api.output(job["id"]) == (data, media_type)
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.size) == ("PNG", (96, 64))


@pytest.mark.smoke
def test_a_worker_killed_in_mid_job(stack: Stack, api: Client, photo: Path, painting: Path) -> None:
    finished(api, api.submit(photo, style=painting)["id"])  # warm
    job_id = api.submit(photo, style=painting, size=2000)["id"]
    stack.wait_until(lambda: api.job(job_id)["status"] == "running")

    stack.kill("worker")
    assert api.job(job_id)["status"] == "running"
    stack.start("worker")
    job = finished(api, job_id)

    assert (job["status"], job["attempt"]) == ("succeeded", 2)
    assert len(job["outputs"]) == 1
    assert states(stack, job_id) == ["queued", "running", "queued", "running", "succeeded"]


@pytest.mark.smoke
def test_jobs_are_taken_while_redis_is_away_and_run_when_it_is_back(
    stack: Stack, api: Client, photo: Path, painting: Path
) -> None:
    stack.kill("redis")

    submitted = [api.submit(photo, style=painting) for _ in range(2)]
    assert [job["status"] for job in submitted] == ["queued", "queued"]
    stack.start("redis")

    jobs = [finished(api, job["id"]) for job in submitted]
    assert [(job["status"], job["attempt"]) for job in jobs] == [("succeeded", 1)] * 2


def test_tokens_lost_by_the_broker_are_made_up_for(
    stack: Stack, api: Client, photo: Path, painting: Path
) -> None:
    import redis

    stack.terminate("worker")
    submitted = [api.submit(photo, style=painting) for _ in range(2)]
    with redis.Redis(port=stack.redis_port) as client:
        client.flushall()
    stack.start("worker")

    jobs = [finished(api, job["id"]) for job in submitted]
    assert [job["status"] for job in jobs] == ["succeeded"] * 2


def test_the_simple_calls(stack: Stack, photo: Path, painting: Path) -> None:
    def files() -> dict[str, tuple[str, bytes]]:
        return {"file": ("p.png", photo.read_bytes()), "style": ("s.png", painting.read_bytes())}

    answer = stack.ask("POST", "/stylize", files=files(), data={"size": "48"}).json()
    saved = stack.ask("POST", "/stylize_download", files=files(), data={"size": "48"})

    assert (answer["media_type"], answer["width"], answer["height"]) == ("image/jpeg", 48, 32)
    assert saved.headers["Content-Type"] == "image/jpeg"
    assert saved.headers["Content-Disposition"].startswith("attachment")
    with Image.open(io.BytesIO(saved.content)) as image:
        assert image.size == (48, 32)


@pytest.mark.smoke
def test_a_canceled_job_ends_at_once(stack: Stack, api: Client, photo: Path, painting: Path) -> None:
    stack.terminate("worker")
    job_id = api.submit(photo, style=painting)["id"]

    assert api.cancel(job_id)["status"] == "canceled"
    stack.start("worker")
    assert api.job(job_id)["status"] == "canceled"
