"""As many long polls as the real web server has threads, and others all the same."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from support.patience import PATIENCE
from support.service_stack import Stack

from atelier import Client
from jobs.local.processes import WEB

THREADS = 4


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Stack]:
    """A web server of four threads, and nobody who works."""
    stack = Stack(tmp_path, "")
    stack.commands["web"] = WEB.format(host="127.0.0.1", port=stack.port, threads=THREADS).split()
    stack.migrate()
    stack.start("redis", "web")
    yield stack
    stack.stop()


def test_long_polls_hold_nobody_up(small: Stack, photo: Path, painting: Path) -> None:
    with Client(small.url) as api:
        job = api.submit(photo, style=painting)

    def poll(_: int) -> int:
        address = f"{small.url}/v1/jobs/{job['id']}?wait=30"
        return httpx.get(address, trust_env=False, timeout=PATIENCE).status_code

    with ThreadPoolExecutor(2 * THREADS) as pool:
        polls = [pool.submit(poll, number) for number in range(2 * THREADS)]
        small.wait_until(lambda: sum(each.done() for each in polls) == 2 * THREADS - 3)
        for _ in range(3):
            healthy = httpx.get(f"{small.url}/healthz", trust_env=False, timeout=PATIENCE)
            assert healthy.status_code == 200

        # Those who had a seat wait on, until their job changes.
        assert sum(not each.done() for each in polls) == 3
        with Client(small.url) as api:
            api.cancel(job["id"])
        assert [each.result() for each in polls] == [200] * (2 * THREADS)
