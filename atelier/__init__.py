"""A synchronous Python client of the HTTP API.

    from atelier import Client

    with Client("http://127.0.0.1:8000", key="atl_…") as atelier:
        job = atelier.submit(Path("photo.jpg"), style_id="woodcut", alpha=0.8)
        job = atelier.wait(job["id"])
        picture, media_type = atelier.output(job["id"])

A call that fails is retried where that is safe: calls that only read, calls with an `Idempotency-Key`
(every submit has one), and calls that did not reach the service. `Retry-After` is respected. Every
error is an `ApiError`.
"""

from atelier.client import Client
from atelier.errors import (
    ApiError,
    JobCanceledError,
    JobFailedError,
    StillRunningError,
    UnreachableError,
)
from atelier.types import FINAL, Batch, Event, Job, Network, Output, Progress, Queue, Style, Upload

__all__ = [
    "FINAL",
    "ApiError",
    "Batch",
    "Client",
    "Event",
    "Job",
    "JobCanceledError",
    "JobFailedError",
    "Network",
    "Output",
    "Progress",
    "Queue",
    "StillRunningError",
    "Style",
    "UnreachableError",
    "Upload",
]
