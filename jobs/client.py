"""A small synchronous client of the API."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx

FINAL = frozenset({"succeeded", "failed", "canceled"})


class ApiError(Exception):
    """The service refused, or could not be reached. The text is for people."""

    def __init__(self, detail: str, *, status: int = 0, code: str = "") -> None:
        self.status = status
        self.code = code
        super().__init__(detail)


class Client:
    """Calls the service at `url`. Every method raises `ApiError`."""

    def __init__(self, url: str, *, key: str | None = None, timeout: float = 60.0) -> None:
        # Proxies of the environment are for the outside world; the service is usually at home.
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.Client(base_url=url, timeout=timeout, trust_env=False, headers=headers)
        self._url = url

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def submit(
        self,
        content: Path,
        *,
        style: Path | None = None,
        parts: Mapping[str, Path] | None = None,
        **params: object,
    ) -> dict[str, Any]:
        """Submit a `stylize` job; returns it as JSON. `parts` are what `styles` and `regions` name."""
        fields = {name: _text(value) for name, value in params.items() if value is not None}
        named = {"content": content, "style": style, **(parts or {})}
        files = {
            name: (path.name, path.read_bytes()) for name, path in named.items() if path is not None
        }
        return self._json("POST", "/v1/jobs", data={"kind": "stylize", **fields}, files=files)

    def job(self, job_id: str, *, wait: int = 0) -> dict[str, Any]:
        """A job; with `wait`, when it changes or after so many seconds."""
        return self._json("GET", f"/v1/jobs/{job_id}", params={"wait": wait} if wait else None)

    def jobs(
        self,
        *,
        limit: int = 20,
        status: str | None = None,
        batch_id: str | None = None,
        dead: bool = False,
    ) -> list[dict[str, Any]]:
        """The newest jobs; `dead`: those that used up their attempts and were not retried since."""
        filters = {"status": status, "batch_id": batch_id, "dead": "true" if dead else None}
        params = {"limit": limit} | {name: value for name, value in filters.items() if value}
        page: list[dict[str, Any]] = self._json("GET", "/v1/jobs", params=params)["jobs"]
        return page

    def follow(self, job_id: str, *, timeout: float | None = None) -> Iterator[dict[str, Any]]:
        """The job again and again as it changes, until it has ended or `timeout` seconds are over."""
        deadline = None if timeout is None else time.monotonic() + timeout
        job = self.job(job_id)
        yield job
        while job["status"] not in FINAL:
            if deadline is not None and time.monotonic() > deadline:
                raise ApiError(f"Job {job_id} is still {job['status']} after {timeout:g} s.")
            job = self.job(job_id, wait=2)
            yield job

    def cancel(self, job_id: str) -> dict[str, Any]:
        """Ask for a job to stop."""
        return self._json("POST", f"/v1/jobs/{job_id}/cancel")

    def retry(self, job_id: str) -> dict[str, Any]:
        """A new job like one that failed or was canceled."""
        return self._json("POST", f"/v1/jobs/{job_id}/retry")

    def queues(self) -> list[dict[str, Any]]:
        """The queues."""
        found: list[dict[str, Any]] = self._json("GET", "/v1/queues")["queues"]
        return found

    def pause(self, queue: str, *, paused: bool) -> dict[str, Any]:
        """Pause a queue, or resume it."""
        return self._json("POST", f"/v1/queues/{queue}/{'pause' if paused else 'resume'}")

    def submit_batch(
        self,
        contents: list[Path],
        *,
        styles: list[Path],
        style_ids: list[str],
        **params: object,
    ) -> dict[str, Any]:
        """Submit every content in every style; returns the batch as JSON."""
        fields: dict[str, Any] = {k: _text(v) for k, v in params.items() if v is not None}
        files = [("content", (path.name, path.read_bytes())) for path in contents]
        files += [("style", (path.name, path.read_bytes())) for path in styles]
        return self._json("POST", "/v1/batches", data=fields | {"style_id": style_ids}, files=files)

    def batch(self, batch_id: str) -> dict[str, Any]:
        """A batch."""
        return self._json("GET", f"/v1/batches/{batch_id}")

    def cancel_batch(self, batch_id: str) -> dict[str, Any]:
        """Ask for all jobs of a batch to stop."""
        return self._json("POST", f"/v1/batches/{batch_id}/cancel")

    def output(self, job_id: str, index: int = 0) -> tuple[bytes, str]:
        """The bytes that a job made, and their media type."""
        response = self._send("GET", f"/v1/jobs/{job_id}/output", params={"index": index})
        return response.content, response.headers["Content-Type"]

    def _json(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        body: dict[str, Any] = self._send(method, path, **arguments).json()
        return body

    def _send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        try:
            response = self._http.request(method, path, **arguments)
        except httpx.HTTPError as error:
            raise ApiError(f"The service at {self._url} can't be reached: {error}.") from error
        if response.is_success:
            return response
        try:
            problem = response.json()
        except ValueError:
            raise ApiError(f"{self._url} answered {response.status_code}.") from None
        raise ApiError(problem["detail"], status=response.status_code, code=problem.get("code", ""))


def _text(value: object) -> str:
    return json.dumps(value) if isinstance(value, bool | list) else str(value)
