"""All bombs at once, against a real web server: its memory is bounded, and it answers."""

from __future__ import annotations

import io
import json
import socket
import struct
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest
from PIL import Image
from support.patience import PATIENCE
from support.service_stack import Stack

pytestmark = [pytest.mark.serial, pytest.mark.exhaustive]

#: Most bytes of the web server's process, without its decoders, which have limits of their own.
MOST_BYTES = 600_000_000
#: Most seconds of `/healthz`: one is promised, the rest is for a busy machine.
MOST_SECONDS = 3.0
#: Asks `/healthz` again and again, and prints the seconds of each answer.
PROBE = """
import sys, time, urllib.request
while True:
    began = time.monotonic()
    assert urllib.request.urlopen(sys.argv[1], timeout=60).status == 200
    print(time.monotonic() - began, flush=True)
    time.sleep(0.1)
"""


@pytest.fixture
def stack(tmp_path: Path, migrated_home: Path) -> Iterator[Stack]:
    stack = Stack(tmp_path)
    stack.copy(migrated_home)
    stack.start("redis", "web")
    yield stack
    stack.stop()


def slow_jpeg() -> bytes:
    """A JPEG of 36 megapixels that goes over all of them 25 times."""
    out = io.BytesIO()
    Image.new("L", (6_000, 6_000)).save(out, "JPEG", progressive=True, quality=1)
    whole = out.getvalue()
    last = whole[whole.rindex(b"\xff\xda") : -2]
    return whole[:-2] + last * (25 - whole.count(b"\xff\xda")) + b"\xff\xd9"


def zip_table() -> bytes:
    """An archive of 94 MB whose table of contents has two million entries."""
    head = struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", 20, 0, 20, 0, *[0] * 7, 1, *[0] * 6) + b"a"
    table = head * 2_000_000
    return table + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(table), 0, 0)


def zip_of_slow(picture: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(50):
            archive.writestr(f"{number}.jpg", picture)
    return out.getvalue()


def network(settings: object, shape: str = "[1]") -> bytes:
    described = {"format": "atelier-network/1", "architecture": "slim_adain", "settings": settings}
    metadata = json.dumps({key: json.dumps(value) for key, value in described.items()})
    tensor = f'{{"dtype":"F32","shape":{shape},"data_offsets":[0,4]}}'
    header = f'{{"__metadata__":{metadata},"w":{tensor}}}'.encode()
    return struct.pack("<Q", len(header)) + header + b"\0" * 4


def test_all_bombs_at_once(stack: Stack) -> None:
    web = max(
        psutil.Process(stack.running["web"].pid).children(),
        key=lambda process: process.memory_info().rss,
    )
    stop, peak = threading.Event(), [0]

    def watch() -> None:
        while not stop.wait(0.05):
            peak[0] = max(peak[0], web.memory_info().rss)

    def post(path: str, **sent: object) -> int:
        try:
            return httpx.post(
                f"{stack.url}{path}", trust_env=False, timeout=PATIENCE, **sent
            ).status_code
        except httpx.TransportError:  # refused before all was sent
            return 0

    slow, table = slow_jpeg(), zip_table()
    form = {
        "content": b"a&" * 25_000_000,
        "headers": {"Content-Type": "application/x-www-form-urlencoded"},
    }
    numbers = network({}, "[" + ",".join(["9"] * 400_000) + "]")
    bombs: list[Callable[[], int]] = [
        *[lambda: post("/login", **form)] * 3,
        *[lambda: post("/v1/jobs", **form)] * 3,
        *[lambda: post("/v1/datasets", files={"file": ("d.zip", table)}, data={"name": "z"})] * 4,
        *[
            lambda: post(
                "/v1/datasets", files={"file": ("d.zip", zip_of_slow(slow))}, data={"name": "z"}
            )
        ]
        * 2,
        *[lambda: post("/v1/networks", files={"file": ("n", numbers)}, data={"name": "n"})] * 4,
        *[
            lambda: post(
                "/v1/networks",
                files={"file": ("n", network({"widths": [3000] * 3}))},
                data={"name": "n"},
            )
        ]
        * 4,
        *[lambda: post("/v1/uploads", files={"file": ("p.jpg", slow)})] * 32,
    ]
    noise = np.random.default_rng(0).integers(0, 256, (2000, 2000, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "PNG", compress_level=0)
    files = {"file": ("p.png", out.getvalue())}
    kept = httpx.post(f"{stack.url}/v1/uploads", files=files, trust_env=False, timeout=PATIENCE).json()
    readers = []
    # A process of its own: the threads of this one wait for each other.
    probe = subprocess.Popen(
        [sys.executable, "-c", PROBE, f"{stack.url}/healthz"], stdout=subprocess.PIPE
    )
    assert probe.stdout is not None
    probe.stdout.readline()  # it has begun
    with ThreadPoolExecutor(len(bombs) + 1) as pool:
        watching = pool.submit(watch)
        try:
            for _ in range(16):
                reader = socket.socket()
                reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                reader.connect(("127.0.0.1", stack.port))
                reader.sendall(
                    f"GET {kept['urls']['image']} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
                )
                readers.append(reader)
            statuses = [future.result(2 * PATIENCE) for future in [pool.submit(bomb) for bomb in bombs]]
        finally:
            stop.set()
            for reader in readers:
                reader.close()
        watching.result(PATIENCE)
    probe.terminate()
    seconds = [float(line) for line in probe.communicate()[0].split()]

    assert set(statuses) <= {0, 201, 413, 422, 503}, statuses
    assert peak[0] < MOST_BYTES, f"{peak[0] / 1e6:.0f} MB"
    assert len(seconds) > 3
    assert max(seconds) < MOST_SECONDS, sorted(seconds)[-5:]
    print(f"peak {peak[0] / 1e6:.0f} MB, /healthz {sorted(seconds)[-5:]}, {sorted(statuses)}")
    stack.wait_until(stack._serves)
