"""The client: one method for each thing that the API does."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from atelier import follow
from atelier.errors import JobCanceledError, JobFailedError
from atelier.forms import texts
from atelier.networks import NetworkCalls
from atelier.types import Batch, Event, Job, Queue, Style, Upload
from atelier.upload_progress import Sent


class Client(NetworkCalls):
    """Calls the service at `url`, with the API key `key` where it asks for one.

    `timeout` is in seconds for one attempt, `patience` for all attempts of a call together.
    Every method raises `ApiError`: `UnreachableError` where nobody answered.

    >>> with Client(url) as atelier:
    ...     [style["id"] for style in atelier.styles()][:2]
    ['night-oils', 'great-waves']
    """

    # -- jobs ------------------------------------------------------------------------------------

    def submit(
        self,
        content: Path,
        *,
        style: Path | None = None,
        parts: Mapping[str, Path] | None = None,
        sent: Sent | None = None,
        idempotency_key: str | None = None,
        kind: str = "stylize",
        **params: object,
    ) -> Job:
        """Submit a job; it is one job however often the call had to be made.

        `params` are those of the API, with its names and defaults; `parts` are the files that `styles`
        and `regions` name. `sent` is told the bytes that went out.

        >>> job = atelier.submit(photo, style_id="woodcut", alpha=0.5, size=64)
        >>> job["params"]["alpha"]
        0.5
        """
        named = {"content": content, "style": style, **(parts or {})}
        files = [(name, path) for name, path in named.items() if path is not None]
        key = idempotency_key or uuid.uuid4().hex
        return self._post_files(
            Job, "/v1/jobs", {"kind": kind, **texts(params)}, files, sent, {"Idempotency-Key": key}
        )

    def job(self, job_id: str, *, wait: int = 0) -> Job:
        """A job; with `wait`, when it changes or after so many seconds."""
        params = {"wait": wait} if wait else None
        return self._call.json(Job, "GET", f"/v1/jobs/{job_id}", params=params)

    def jobs(
        self,
        *,
        limit: int = 20,
        status: str | None = None,
        batch_id: str | None = None,
        dead: bool = False,
    ) -> list[Job]:
        """The newest jobs; `dead`: those that used up their attempts and were not retried since."""
        filters = {"status": status, "batch_id": batch_id, "dead": "true" if dead else None}
        return self._page({"limit": limit} | {name: value for name, value in filters.items() if value})[
            "jobs"
        ]

    def all_jobs(self, **filters: Any) -> Iterator[Job]:
        """Every job, newest first, asked for page by page.

        >>> job = atelier.submit(photo, style_id="woodcut", size=64)
        >>> next(atelier.all_jobs(kind="stylize"))["id"] == job["id"]
        True
        """
        cursor: str | None = None
        while True:
            page = self._page({"limit": 100, **filters} | ({"cursor": cursor} if cursor else {}))
            yield from page["jobs"]
            cursor = page["next"]
            if cursor is None:
                return

    def follow(self, job_id: str, *, timeout: float | None = None) -> Iterator[Job]:
        """The job again and again as it changes, until it has ended.

        Told by the service as it happens where it has a stream to give, and asked for else. Raises
        `StillRunningError` when `timeout` seconds are over.

        >>> job = atelier.submit(photo, style_id="woodcut", size=64)
        >>> *_, last = atelier.follow(job["id"])
        >>> last["status"]
        'succeeded'
        """
        return follow.follow(self, job_id, timeout=timeout)

    def wait(self, job_id: str, *, timeout: float | None = None) -> Job:
        """The job once it succeeded.

        Raises `JobFailedError`, `JobCanceledError`, and `StillRunningError` after `timeout` seconds.

        >>> job = atelier.submit(photo, style_id="woodcut", size=64)
        >>> job = atelier.wait(job["id"], timeout=120)
        >>> job["outputs"][0]["width"]
        64
        """
        *_, job = self.follow(job_id, timeout=timeout)
        if job["status"] == "failed":
            why = job["error"] or {"detail": "no reason was given", "code": ""}
            raise JobFailedError(f"Job {job_id} failed: {why['detail']}", code=why["code"])
        if job["status"] == "canceled":
            raise JobCanceledError(f"Job {job_id} was canceled.")
        return job

    def events(self, job_id: str, *, after: int = 0, timeout: float | None = None) -> Iterator[Event]:
        """What happens to a job as it happens, from the event `after` on, until it has ended.

        A connection that breaks is made again and goes on where it was. Ends after `timeout` seconds.

        >>> job = atelier.submit(photo, style_id="woodcut", size=64, use_cache=False)
        >>> [event["data"]["status"] for event in atelier.events(job["id"]) if event["type"] == "state"]
        ['queued', 'running', 'succeeded']
        """
        return follow.events(self, self._call, job_id, after=after, timeout=timeout)

    def cancel(self, job_id: str) -> Job:
        """Ask for a job to stop."""
        return self._do(Job, f"/v1/jobs/{job_id}/cancel")

    def retry(self, job_id: str) -> Job:
        """A new job like one that failed or was canceled."""
        return self._do(Job, f"/v1/jobs/{job_id}/retry", {"Idempotency-Key": uuid.uuid4().hex})

    def delete(self, job_id: str) -> None:
        """Delete a job that does not run, with its pictures.

        >>> job = atelier.wait(atelier.submit(photo, style_id="woodcut", size=64)["id"])
        >>> atelier.delete(job["id"])
        >>> atelier.job(job["id"])
        Traceback (most recent call last):
        atelier.errors.ApiError: There is no job ...
        """
        self._call.send("DELETE", f"/v1/jobs/{job_id}")

    def output(self, job_id: str, index: int = 0) -> tuple[bytes, str]:
        """The bytes that a job made, and their media type."""
        response = self._call.send("GET", f"/v1/jobs/{job_id}/output", params={"index": index})
        return response.content, response.headers["Content-Type"]

    # -- batches and queues ----------------------------------------------------------------------

    def submit_batch(
        self,
        contents: Sequence[Path],
        *,
        styles: Sequence[Path] = (),
        style_ids: Sequence[str] = (),
        sent: Sent | None = None,
        **params: object,
    ) -> Batch:
        """Submit every content in every style: all jobs or none."""
        files = [("content", path) for path in contents] + [("style", path) for path in styles]
        fields = texts(params) | {"style_id": list(style_ids)}
        return self._post_files(
            Batch, "/v1/batches", fields, files, sent, {"Idempotency-Key": uuid.uuid4().hex}
        )

    def batch(self, batch_id: str) -> Batch:
        """A batch."""
        return self._call.json(Batch, "GET", f"/v1/batches/{batch_id}")

    def cancel_batch(self, batch_id: str) -> Batch:
        """Ask for all jobs of a batch to stop."""
        return self._do(Batch, f"/v1/batches/{batch_id}/cancel")

    def queues(self) -> list[Queue]:
        """The queues."""
        return self._call.json(dict[str, list[Queue]], "GET", "/v1/queues")["queues"]

    def pause(self, queue: str, *, paused: bool) -> Queue:
        """Pause a queue, or resume it."""
        return self._do(Queue, f"/v1/queues/{queue}/{'pause' if paused else 'resume'}")

    # -- pictures --------------------------------------------------------------------------------

    def styles(self) -> list[Style]:
        """The gallery, and one's own."""
        return self._call.json(dict[str, list[Style]], "GET", "/v1/styles")["styles"]

    def add_style(self, file: Path, *, title: str) -> Style:
        """Register a style of one's own."""
        return self._post_files(Style, "/v1/styles", {"title": title}, [("file", file)], None)

    def upload(self, file: Path, *, sent: Sent | None = None) -> Upload:
        """Keep a picture for jobs that name it.

        >>> atelier.upload(photo)["media_type"]
        'image/png'
        """
        return self._post_files(Upload, "/v1/uploads", {}, [("file", file)], sent)
