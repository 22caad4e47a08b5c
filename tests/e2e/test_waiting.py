"""As many long polls as the real web server has threads, and others all the same."""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from support.patience import PATIENCE
from support.service_stack import Stack

from atelier import Client
from jobs.local.processes import WEB

THREADS = 4


@pytest.fixture
def small(tmp_path: Path, migrated_home: Path) -> Iterator[Stack]:
    """A web server of four threads, and nobody who works."""
    stack = Stack(tmp_path)
    stack.commands["web"] = WEB.format(host="127.0.0.1", port=stack.port, threads=THREADS).split()
    stack.copy(migrated_home)
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
        small.wait_until(lambda: sum(each.done() for each in polls) >= 2 * THREADS - 3)
        for _ in range(3):
            healthy = httpx.get(f"{small.url}/healthz", trust_env=False, timeout=PATIENCE)
            assert healthy.status_code == 200

        # Those who had a seat wait on, until their job changes.
        assert sum(not each.done() for each in polls) == 3
        with Client(small.url) as api:
            api.cancel(job["id"])
        assert [each.result() for each in polls] == [200] * (2 * THREADS)


def test_clients_that_never_read_hold_nobody_up(small: Stack) -> None:
    """More of them than threads ask for a picture of 12 MB, and read none of it."""
    out = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (2000, 2000, 3), dtype=np.uint8)
    Image.fromarray(noise).save(out, "PNG", compress_level=0)
    files = {"file": ("p.png", out.getvalue())}
    answer = httpx.post(f"{small.url}/v1/uploads", files=files, trust_env=False, timeout=PATIENCE)
    path = answer.json()["urls"]["image"]
    clients = []
    for _ in range(4 * THREADS):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", small.port))
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        clients.append(client)
    try:
        for _ in range(5):
            healthy = httpx.get(f"{small.url}/healthz", trust_env=False, timeout=9.0)
            assert healthy.status_code == 200
    finally:
        for client in clients:
            client.close()


def test_silent_and_lingering_clients_hold_nobody_up(small: Stack) -> None:
    """Some clients send nothing, others never close a connection that the server has finished."""
    clients = [socket.create_connection(("127.0.0.1", small.port)) for _ in range(16 * THREADS)]
    try:
        for client in clients[::2]:
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        for _ in range(5):
            healthy = httpx.get(f"{small.url}/healthz", trust_env=False, timeout=4.0)
            assert healthy.status_code == 200
    finally:
        for client in clients:
            client.close()
