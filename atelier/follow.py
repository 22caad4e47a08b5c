"""Follows a job: by its event stream, which is resumed when it breaks, or by long polling."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from time import monotonic, sleep
from typing import Protocol

import httpx

from atelier.errors import StillRunningError, UnreachableError
from atelier.sse import read_events
from atelier.types import FINAL, Event, Job

#: Attempts in a row without an event before a stream is given up.
MAX_RECONNECTS = 5

#: Opens the event stream after the event with this number.
OpenStream = Callable[[int], AbstractContextManager[httpx.Response]]


class JobReader(Protocol):
    """The two calls of a client by which a job is followed."""

    def job(self, job_id: str, *, wait: int = 0) -> Job:
        """A job; with `wait`, when it changes or after so many seconds."""
        ...

    def events(self, job_id: str, *, after: int = 0, timeout: float | None = None) -> Iterator[Event]:
        """The events of a job as they happen."""
        ...


def follow_events(
    client: JobReader, open_stream: OpenStream, job_id: str, *, after: int, timeout: float | None
) -> Iterator[Event]:
    """See `Client.events`."""
    deadline = None if timeout is None else monotonic() + timeout
    failures = 0
    while True:
        try:
            with open_stream(after) as stream:
                for event in read_events(stream.iter_lines()):
                    after, failures = max(after, event["id"]), 0
                    yield event
                    if _is_over(deadline):
                        return
            # The service ends a stream after the last event, and after some minutes.
            if client.job(job_id)["status"] in FINAL:
                return
        except UnreachableError:
            failures += 1
            if failures > MAX_RECONNECTS:
                raise
            sleep(min(0.5 * 2.0**failures, 8.0))
        if _is_over(deadline):
            return


def follow_job(client: JobReader, job_id: str, *, timeout: float | None) -> Iterator[Job]:
    """See `Client.follow`."""
    deadline = None if timeout is None else monotonic() + timeout
    job = client.job(job_id)
    yield job
    has_streams = True
    while job["status"] not in FINAL:
        if _is_over(deadline):
            raise StillRunningError(f"Job {job_id} is still {job['status']} after {timeout:g} s.")
        if has_streams and job["status"] == "running":
            try:
                left = None if deadline is None else max(0.0, deadline - monotonic())
                for event in client.events(job_id, timeout=left):
                    if event["type"] == "progress":
                        job = {**job, "progress": event["data"]["progress"]}
                        yield job
            except UnreachableError:
                # A service without a free stream still answers polls.
                has_streams = False
            job = client.job(job_id)
        else:
            job = client.job(job_id, wait=2)
        yield job


def _is_over(deadline: float | None) -> bool:
    return deadline is not None and monotonic() > deadline
