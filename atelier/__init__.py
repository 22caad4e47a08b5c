"""A small synchronous client of the API.

    from jobs.client import Client

    with Client("http://127.0.0.1:8000", key="atl_…") as atelier:
        job = atelier.submit(Path("photo.jpg"), style_id="woodcut", alpha=0.8)
        job = atelier.wait(job["id"])
        picture, media_type = atelier.output(job["id"])

Calls are made again where that is safe: what only asks, what carries an `Idempotency-Key` (every submit
does), and what never arrived; `Retry-After` is respected. Everything raises `ApiError`.
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
