"""Load clients that send prepared bytes, to use little CPU themselves."""

from __future__ import annotations

import http.client
import io
import itertools
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
from PIL import Image

BOUNDARY = "atelier-bench-boundary"
#: Pause in seconds before a busy service is called again, and the largest number of calls.
BUSY_SECONDS, MAX_CALLS = 0.1, 300


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Requests per second and latencies in milliseconds of some clients."""

    clients: int
    requests: int
    per_s: float
    p50_ms: float
    p99_ms: float


class Photos:
    """Distinct JPEGs of about one size: each has its rows of blocks in another order."""

    def __init__(self, kilobytes: int) -> None:
        # The number of pixels of a camera's JPEG of that size, at half a byte per pixel.
        side = max(64, int((kilobytes * 2000) ** 0.5))
        random = np.random.default_rng(5)
        y, x = np.mgrid[0:side, 0:side] / side
        base = np.stack([x, y, (x + y) / 2], axis=-1) * 200 + random.normal(25, 12, (side, side, 3))
        photo = Image.fromarray(base.clip(0, 255).astype(np.uint8))
        sizes = {quality: len(_jpeg(photo, quality)) for quality in range(50, 99, 4)}
        best = min(sizes, key=lambda quality: abs(sizes[quality] - kilobytes * 1000))
        self._head, self._rows = _split(_jpeg(photo, best))
        self._numbers = itertools.count(time.time_ns())

    def next(self) -> bytes:
        """The next photo."""
        rows = self._rows.copy()
        Random(next(self._numbers)).shuffle(rows)
        marked = [row + bytes((0xFF, 0xD0 + index % 8)) for index, row in enumerate(rows[:-1])]
        return b"".join((self._head, *marked, rows[-1], b"\xff\xd9"))


def _jpeg(photo: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    photo.save(out, "JPEG", quality=quality, restart_marker_rows=1)
    return out.getvalue()


def _split(jpeg: bytes) -> tuple[bytes, list[bytes]]:
    """Split a JPEG into its header and its rows of blocks, which are independent."""
    scan = jpeg.index(b"\xff\xda")
    start = scan + 2 + int.from_bytes(jpeg[scan + 2 : scan + 4], "big")
    return jpeg[:start], re.split(rb"\xff[\xd0-\xd7]", jpeg[start:-2])


def form(content: bytes, style: bytes, **fields: object) -> tuple[bytes, dict[str, str]]:
    """A multipart body and its headers."""
    parts = []
    for name, value in fields.items():
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
        parts += [head.encode(), str(value).encode(), b"\r\n"]
    for name, data in (("content", content), ("style", style)):
        head = (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}.jpg"\r\n'
            "Content-Type: image/jpeg\r\n\r\n"
        )
        parts += [head.encode(), data, b"\r\n"]
    body = b"".join([*parts, f"--{BOUNDARY}--\r\n".encode()])
    return body, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


class Caller:
    """A client with one keep-alive connection."""

    def __init__(self, port: int) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def call(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Any:
        """The JSON of the response, or None. Raises `RuntimeError` for other statuses than 2xx.

        A service that is busy (503) is called again, as a client would; the time counts as one request.
        """
        for _ in range(MAX_CALLS):
            status, answer = self._call(method, path, body, headers)
            if status != 503:
                return answer
            time.sleep(BUSY_SECONDS)
        raise RuntimeError(f"{method} {path} was busy {MAX_CALLS} times.")

    def _call(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str] | None
    ) -> tuple[int, Any]:
        try:
            self._http.request(method, path, body, headers or {})
            response = self._http.getresponse()
        except (http.client.HTTPException, ConnectionError):
            # A server may close an idle connection, so the connection is opened again, once.
            self._http.close()
            self._http.request(method, path, body, headers or {})
            response = self._http.getresponse()
        data = response.read()
        if response.status >= 300 and response.status != 503:
            raise RuntimeError(f"{method} {path} answered {response.status}: {data[:200]!r}")
        is_json = "json" in response.headers.get("Content-Type", "")
        return response.status, json.loads(data) if is_json else None

    def close(self) -> None:
        """Close the connection."""
        self._http.close()


def hammer(port: int, clients: int, requests: int, act: Callable[[Caller], object]) -> Measured:
    """Call `act` `requests` times from parallel clients, each with its own connection."""
    numbers: Iterator[int] = iter(range(requests))
    lock, times, wrong = threading.Lock(), list[float](), list[Exception]()

    def work() -> None:
        caller = Caller(port)
        while not wrong:
            with lock:
                if next(numbers, None) is None:
                    break
            started = time.perf_counter()
            try:
                act(caller)
            except Exception as error:
                wrong.append(error)
                break
            times.append(time.perf_counter() - started)
        caller.close()

    threads = [threading.Thread(target=work) for _ in range(clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - started
    if wrong:
        raise wrong[0]
    return measured(clients, times, took)


def measured(clients: int, times: list[float], took: float) -> Measured:
    """Statistics of a list of times in seconds."""
    ordered = sorted(times)
    return Measured(
        clients=clients,
        requests=len(ordered),
        per_s=round(len(ordered) / took, 1),
        p50_ms=round(ordered[len(ordered) // 2] * 1000, 1),
        p99_ms=round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1000, 1),
    )
