"""Jobs as they go on: streams that are taken up again, and questions where there is no stream."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from atelier.errors import StillRunningError, UnreachableError
from atelier.sse import read_events
from atelier.types import FINAL, Event, Job

if TYPE_CHECKING:
    from atelier.client import Client
    from atelier.connection import Connection

#: Attempts in a row without an event before a stream is given up.
ATTEMPTS = 5


def events(
    client: Client, connection: Connection, job_id: str, *, after: int, timeout: float | None
) -> Iterator[Event]:
    """See `Client.events`."""
    deadline = None if timeout is None else time.monotonic() + timeout
    failures = 0
    while True:
        try:
            headers = {"Last-Event-ID": str(after)}
            with connection.stream(f"/v1/jobs/{job_id}/events", headers) as stream:
                for event in read_events(stream.iter_lines()):
                    after, failures = max(after, event["id"]), 0
                    yield event
                    if _over(deadline):
                        return
            # The service ends a stream after the last event, and after some minutes.
            if client.job(job_id)["status"] in FINAL:
                return
        except UnreachableError:
            failures += 1
            if failures > ATTEMPTS:
                raise
            time.sleep(min(0.5 * 2.0**failures, 8.0))
        if _over(deadline):
            return


def follow(client: Client, job_id: str, *, timeout: float | None) -> Iterator[Job]:
    """See `Client.follow`."""
    deadline = None if timeout is None else time.monotonic() + timeout
    job = client.job(job_id)
    yield job
    streams = True
    while job["status"] not in FINAL:
        if _over(deadline):
            raise StillRunningError(f"Job {job_id} is still {job['status']} after {timeout:g} s.")
        if streams and job["status"] == "running":
            try:
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                for event in client.events(job_id, timeout=left):
                    if event["type"] == "progress":
                        job = {**job, "progress": event["data"]["progress"]}
                        yield job
            except UnreachableError:
                # A service that has no more streams to give can still be asked.
                streams = False
            job = client.job(job_id)
        else:
            job = client.job(job_id, wait=2)
        yield job


def _over(deadline: float | None) -> bool:
    return deadline is not None and time.monotonic() > deadline
