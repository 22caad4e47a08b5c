"""A Redis that answers every command with an error: workers wait for it, and go on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from support.service_stack import Stack, finished

from atelier import Client


@pytest.fixture
def stack(tmp_path: Path, migrated_home: Path) -> Iterator[Stack]:
    stack = Stack(tmp_path)
    stack.copy(migrated_home)
    stack.start("redis", "web", "worker", "maintenance")
    yield stack
    stack.stop()


def test_workers_outlive_a_redis_that_is_a_read_only_replica(
    stack: Stack, photo: Path, painting: Path
) -> None:
    with Client(stack.url) as api, redis.Redis(port=stack.redis_port) as broker:
        first = api.submit(photo, style=painting)
        assert finished(api, first["id"])["status"] == "succeeded"
        broker.replicaof("127.0.0.1", "1")
        second = api.submit(photo, style=painting, use_cache=False)
        time.sleep(6)  # longer than a worker waits for one message
        assert stack.running["worker"].poll() is None
        broker.replicaof("NO", "ONE")
        assert finished(api, second["id"])["status"] == "succeeded"
        assert stack.running["worker"].poll() is None
