"""A client that does its duty: every job has a key, and is sent again until it is accepted."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx
from support.patience import PATIENCE


@dataclass
class Accepted:
    """Jobs that the service took: id → the picture that was sent."""

    contents: dict[str, bytes] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    resent: int = 0


class Load:
    """Submits pictures, each unlike the others, through HTTP."""

    def __init__(self, url: str, picture: Callable[..., bytes]) -> None:
        self.accepted = Accepted()
        self._url = url
        self._picture = picture
        self._style = picture(64, 64, seed=1_000_000)
        self._seed = 0
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(4)
        self._http = httpx.Client(base_url=url, timeout=PATIENCE / 4, trust_env=False)

    @property
    def style(self) -> bytes:
        return self._style

    def submit(self, count: int, size: int = 64) -> list[Future[str]]:
        """Start to send `count` jobs; each future gives the id of its job."""
        return [self._pool.submit(self._send, size) for _ in range(count)]

    def submit_one(self, size: int = 64) -> str:
        return self.submit(1, size)[0].result(PATIENCE)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._http.close()

    def _send(self, size: int) -> str:
        with self._lock:
            self._seed += 1
            seed = self._seed
        content = self._picture(64, 48, seed=seed)
        key = {"Idempotency-Key": uuid.uuid4().hex}
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                response = self._http.post(
                    "/v1/jobs",
                    data={"size": str(size), "alpha": "1"},
                    files={"content": ("c.png", content), "style": ("s.png", self._style)},
                    headers=key,
                )
            except httpx.HTTPError:
                response = None
            if response is not None and response.status_code in {200, 202}:
                with self._lock:
                    self.accepted.contents[response.json()["id"]] = content
                    self.accepted.sizes[response.json()["id"]] = size
                return response.json()["id"]
            if response is not None and response.status_code != 503:
                raise AssertionError(f"{response.status_code}: {response.text}")
            assert time.monotonic() < deadline, f"not accepted within {PATIENCE} s"
            with self._lock:
                self.accepted.resent += 1
            time.sleep(0.2)
