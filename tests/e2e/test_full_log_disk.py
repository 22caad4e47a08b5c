"""A worker whose log can't be written, because its disk is full."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.service_stack import ROOT, Stack, finished

from atelier import Client
from jobs.local.supervisor import resolve


@pytest.fixture
def stack(tmp_path: Path, migrated_home: Path) -> Iterator[Stack]:
    stack = Stack(tmp_path)
    stack.copy(migrated_home)
    stack.start("redis", "web", "maintenance")
    yield stack
    stack.stop()


def test_a_worker_starts_and_works_without_its_log(stack: Stack, photo: Path, painting: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        worker = subprocess.Popen(
            resolve(stack.commands["worker"]),
            env=stack.environment,
            cwd=ROOT,
            stdout=full,
            stderr=full,
            start_new_session=True,
        )
    stack.running["worker"] = worker
    with Client(stack.url) as api:
        job = api.submit(photo, style=painting)
        assert finished(api, job["id"])["status"] == "succeeded"
    assert worker.poll() is None
