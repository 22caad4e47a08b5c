"""The client of the HTTP API: one method for each operation."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Self

import httpx

from atelier.connection import Connection, Shape
from atelier.errors import ApiError, JobCanceledError, JobFailedError
from atelier.follow import follow_events, follow_job
from atelier.forms import form_fields
from atelier.retries import OnRetry
from atelier.types import Batch, Event, Job, JobPage, Network, Queue, Style, Upload
from atelier.upload_progress import OnSent
from atelier.upload_sources import Source, upload_file


class Client:
    """Calls the service at `url`, with the API key `key` if the service requires one.

    `timeout` is in seconds for one attempt of a call, `retry_seconds` for all its attempts together.
    `on_retry` is called with the error before a call is repeated. If nothing listens at an address of
    this machine that has not answered this client before, the client gives up after 0.5 s. Every method
    raises `ApiError`; `UnreachableError` if the service did not respond.

    >>> with Client(url) as atelier:
    ...     [style["id"] for style in atelier.styles()][:2]
    ['night-oils', 'great-waves']
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        *,
        key: str | None = None,
        timeout: float = 60.0,
        retry_seconds: float = 20.0,
        on_retry: OnRetry | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._connection = Connection(
            url,
            key=key,
            timeout=timeout,
            retry_seconds=retry_seconds,
            on_retry=on_retry,
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    # -- jobs ------------------------------------------------------------------------------------

    def submit(
        self,
        content: Source,
        *,
        style: Source | None = None,
        named_files: Mapping[str, Source] | None = None,
        on_sent: OnSent | None = None,
        idempotency_key: str | None = None,
        kind: str = "stylize",
        **params: object,
    ) -> Job:
        """Submit a job. A retried call does not make a second job.

        `content`, `style` and the other files are paths, bytes, files opened in binary mode or PIL
        images; `TypeError` is raised for anything else.
        `params` have the API's names and defaults. `named_files` are the files that the parameters
        `styles` and `regions` name. `on_sent` is called with the number of bytes of each upload step.

        >>> job = atelier.submit(photo, style_id="woodcut", alpha=0.5, size=64)
        >>> job["params"]["alpha"]
        0.5
        """
        named = {"content": content, "style": style, **(named_files or {})}
        files = [(name, path) for name, path in named.items() if path is not None]
        return self._submit({"kind": kind, **params}, files, on_sent, idempotency_key)

    def job(self, job_id: str, *, wait: int = 0) -> Job:
        """A job. With `wait`, the response comes when the job changes, or after so many seconds."""
        params = {"wait": wait} if wait else None
        return self._connection.json(Job, "GET", f"/v1/jobs/{job_id}", params=params)

    def jobs(
        self,
        *,
        limit: int = 20,
        status: str | None = None,
        kind: str | None = None,
        batch_id: str | None = None,
        id_prefix: str | None = None,
        dead: bool = False,
    ) -> list[Job]:
        """The newest jobs. `dead`: only jobs that used up their attempts and were not retried since."""
        filters = {
            "status": status,
            "kind": kind,
            "batch_id": batch_id,
            "id_prefix": id_prefix,
            "dead": "true" if dead else None,
        }
        given = {name: value for name, value in filters.items() if value}
        return self._page({"limit": limit} | given)["jobs"]

    def all_jobs(self, **filters: Any) -> Iterator[Job]:
        """Every job, newest first, fetched page by page.

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
        """The job each time it changes, until it has ended.

        Changes come by the job's event stream, or by polling if the service has no free stream. Raises
        `StillRunningError` after `timeout` seconds.

        >>> job = atelier.submit(photo, style_id="woodcut", size=64)
        >>> *_, last = atelier.follow(job["id"])
        >>> last["status"]
        'succeeded'
        """
        return follow_job(self, job_id, timeout=timeout)

    def wait(self, job_id: str, *, timeout: float | None = None) -> Job:
        """The job once it has succeeded.

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
        """The events of a job with a number above `after`, as they happen, until the job has ended.

        A broken connection is made again, and the stream resumed. Ends after `timeout` seconds.

        >>> job = atelier.submit(photo, style_id="woodcut", size=64, use_cache=False)
        >>> [event["data"]["status"] for event in atelier.events(job["id"]) if event["type"] == "state"]
        ['queued', 'running', 'succeeded']
        """
        path = f"/v1/jobs/{job_id}/events"
        return follow_events(
            self,
            lambda last: self._connection.stream(path, {"Last-Event-ID": str(last)}),
            job_id,
            after=after,
            timeout=timeout,
        )

    def cancel(self, job_id: str) -> Job:
        """Request that a job stops."""
        return self._post_idempotent(Job, f"/v1/jobs/{job_id}/cancel")

    def retry(self, job_id: str) -> Job:
        """A new job with the request of a job that failed or was canceled."""
        return self._post_idempotent(Job, f"/v1/jobs/{job_id}/retry", _idempotency_header())

    def delete(self, job_id: str) -> None:
        """Delete a job that is not running, and its pictures.

        >>> job = atelier.wait(atelier.submit(photo, style_id="woodcut", size=64)["id"])
        >>> atelier.delete(job["id"])
        >>> atelier.job(job["id"])
        Traceback (most recent call last):
        atelier.errors.ApiError: There is no job ...
        """
        self._connection.send("DELETE", f"/v1/jobs/{job_id}")

    def output(self, job_id: str, index: int = 0) -> tuple[bytes, str]:
        """The bytes of an output of a job, and their media type."""
        path, params = f"/v1/jobs/{job_id}/output", {"index": index}
        response = self._connection.send("GET", path, params=params)
        return response.content, response.headers["Content-Type"]

    # -- batches and queues ----------------------------------------------------------------------

    def submit_batch(
        self,
        contents: Sequence[Source],
        *,
        styles: Sequence[Source] = (),
        style_ids: Sequence[str] = (),
        on_sent: OnSent | None = None,
        **params: object,
    ) -> Batch:
        """Submit one job for every content in every style: all jobs or none."""
        photos: list[tuple[str, Source]] = [("content", source) for source in contents]
        files = [*photos, *(("style", source) for source in styles)]
        fields = form_fields(params) | {"style_id": list(style_ids)}
        return self._post_files(Batch, "/v1/batches", fields, files, on_sent, _idempotency_header())

    def batch(self, batch_id: str) -> Batch:
        """A batch."""
        return self._connection.json(Batch, "GET", f"/v1/batches/{batch_id}")

    def cancel_batch(self, batch_id: str) -> Batch:
        """Request that all jobs of a batch stop."""
        return self._post_idempotent(Batch, f"/v1/batches/{batch_id}/cancel")

    def queues(self) -> list[Queue]:
        """The queues."""
        return self._connection.json(dict[str, list[Queue]], "GET", "/v1/queues")["queues"]

    def pause_queue(self, name: str) -> Queue:
        """Pause a queue: it still takes jobs, but starts none."""
        return self._post_idempotent(Queue, f"/v1/queues/{name}/pause")

    def resume_queue(self, name: str) -> Queue:
        """Resume a paused queue."""
        return self._post_idempotent(Queue, f"/v1/queues/{name}/resume")

    # -- styles and uploads ----------------------------------------------------------------------

    def styles(self) -> list[Style]:
        """The styles of the gallery and the caller's own styles."""
        return self._connection.json(dict[str, list[Style]], "GET", "/v1/styles")["styles"]

    def add_style(self, file: Source, *, title: str) -> Style:
        """Register a style of the caller's own."""
        return self._post_files(Style, "/v1/styles", {"title": title}, [("file", file)], None)

    def upload(self, file: Source, *, on_sent: OnSent | None = None) -> Upload:
        """Store a picture for jobs that name it later.

        >>> atelier.upload(photo)["media_type"]
        'image/png'
        """
        return self._post_files(Upload, "/v1/uploads", {}, [("file", file)], on_sent)

    # -- trainings and networks ------------------------------------------------------------------

    def submit_training(
        self,
        *,
        name: str,
        style: Source | None = None,
        style_id: str | None = None,
        on_sent: OnSent | None = None,
        **params: object,
    ) -> Job:
        """Submit the training of a network called `name`; `params` are those of the API.

        >>> job = atelier.submit_training(name="mine", style_id="woodcut", max_steps=2, batch_size=1)
        >>> job["kind"], atelier.cancel(job["id"])["kind"]
        ('train', 'train')
        """
        fields = {"kind": "train", "name": name, "style_id": style_id, **params}
        return self._submit(fields, [("style", style)] if style else [], on_sent)

    def tune_style(self, style_id: str, **settings: object) -> Job:
        """Train a network that is tuned to a style, or get the tuning that has not ended yet.

        `settings` are those of the API, such as `intensity`. `network="auto"` takes the network then.
        """
        return self._connection.json(
            Job, "POST", f"/v1/styles/{style_id}/tune", json=settings, idempotent=True
        )

    def pause_training(self, job_id: str) -> Job:
        """Pause a training: it saves a checkpoint and stops until it is resumed."""
        return self._post_idempotent(Job, f"/v1/jobs/{job_id}/pause")

    def resume_training(self, job_id: str) -> Job:
        """Resume a paused training from its checkpoint."""
        return self._post_idempotent(Job, f"/v1/jobs/{job_id}/resume")

    def finish_training(self, job_id: str) -> Job:
        """End a training early and keep its network as it is."""
        return self._post_idempotent(Job, f"/v1/jobs/{job_id}/finish")

    def networks(self) -> list[Network]:
        """The networks that were trained or imported, newest first."""
        return self._connection.json(dict[str, list[Network]], "GET", "/v1/networks")["items"]

    def submit_export(self, network: str, **params: object) -> Job:
        """Submit the export of a network to another runtime; the job's output is the file.

        >>> job = atelier.submit_export("slim", format="onnx")
        >>> job["kind"], atelier.cancel(job["id"])["kind"]
        ('export', 'export')
        """
        return self._submit({"kind": "export", "network": network, **params}, [], None)

    # -- calls -----------------------------------------------------------------------------------

    def _page(self, params: dict[str, Any]) -> JobPage:
        return self._connection.json(JobPage, "GET", "/v1/jobs", params=params)

    def _submit(
        self,
        fields: Mapping[str, object],
        files: Sequence[tuple[str, Source]],
        on_sent: OnSent | None,
        key: str | None = None,
    ) -> Job:
        return self._post_files(
            Job, "/v1/jobs", form_fields(fields), files, on_sent, _idempotency_header(key)
        )

    def _post_idempotent(
        self, shape: type[Shape], path: str, headers: dict[str, str] | None = None
    ) -> Shape:
        """A POST that has the same effect once or twice, and so may be retried."""
        return self._connection.json(shape, "POST", path, headers=headers, idempotent=True)

    def _post_files(
        self,
        shape: type[Shape],
        path: str,
        fields: dict[str, Any],
        files: Sequence[tuple[str, Source]],
        on_sent: OnSent | None,
        headers: dict[str, str] | None = None,
    ) -> Shape:
        """A POST of a form with files; idempotent if `headers` carry an idempotency key."""
        uploads = [(field, upload_file(field, source)) for field, source in files]
        with ExitStack() as stack:

            def open_files() -> list[tuple[str, tuple[str, Any]]]:
                return [
                    (field, (upload.name, stack.enter_context(upload.open(on_sent))))
                    for field, upload in uploads
                ]

            try:
                return self._connection.json(
                    shape,
                    "POST",
                    path,
                    data=fields,
                    files=open_files,
                    headers=headers,
                    idempotent=bool(headers),
                )
            except OSError as error:
                raise ApiError(
                    f"{error.filename or 'A file'} can't be read: {error.strerror}."
                ) from error


def _idempotency_header(key: str | None = None) -> dict[str, str]:
    return {"Idempotency-Key": key or uuid.uuid4().hex}
