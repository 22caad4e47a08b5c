"""The same service with RabbitMQ as its broker: nothing but `BROKER_URL` is different."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import unavailable
from support.rabbitmq_server import RabbitServer
from support.service_stack import Stack, finished, states

from atelier import Client
from jobs.queue.broker import Broker, make_celery


@pytest.fixture(scope="module")
def rabbit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitServer]:
    server = RabbitServer(tmp_path_factory.mktemp("rabbit"))
    try:
        server.start()
    except Exception as error:
        unavailable("RabbitMQ", error)
    yield server
    server.stop()


@pytest.fixture
def stack(tmp_path: Path, migrated_home: Path, rabbit: RabbitServer) -> Iterator[Stack]:
    stack = Stack(tmp_path)
    stack.environment |= {"BROKER_URL": rabbit.url, "REDIS_URL": "redis://127.0.0.1:1/0"}
    stack.copy(migrated_home)
    try:
        stack.start("web", "worker", "maintenance")
        yield stack
    finally:
        stack.stop()


def test_tokens_are_published_and_counted(rabbit: RabbitServer) -> None:
    queue = Broker(make_celery(rabbit.url))

    assert queue.ping()
    assert queue.wake("train", "some-id")
    assert queue.wake("train", "some-id")

    assert queue.depth("train") == 2


def test_jobs_run_and_outlive_the_broker(
    stack: Stack, rabbit: RabbitServer, photo: Path, painting: Path
) -> None:
    with Client(stack.url) as api:
        first = finished(api, api.submit(photo, style=painting)["id"])
        assert (first["status"], first["attempt"]) == ("succeeded", 1)

        rabbit.stop()
        waiting = [api.submit(photo, style=painting, alpha=n / 9)["id"] for n in range(3)]
        assert api.job(waiting[0])["status"] == "queued"
        rabbit.start()

        jobs = [finished(api, job_id) for job_id in waiting]
        assert [(job["status"], job["attempt"]) for job in jobs] == [("succeeded", 1)] * 3
        assert states(stack, waiting[0]) == ["queued", "running", "succeeded"]
