"""A synchronous Python client of the HTTP API.

    from atelier import Client

    with Client("http://127.0.0.1:8000", key="atl_…") as atelier:
        job = atelier.submit("photo.jpg", style_id="woodcut", alpha=0.8)
        job = atelier.wait(job["id"])
        picture, media_type = atelier.output(job["id"])

A call that fails is retried where that is safe: calls that only read, calls with an `Idempotency-Key`
(every submit has one), and calls that did not reach the service. `Retry-After` is respected. Every
error is an `ApiError`.

Names are imported when they are first used (PEP 562), so that `import atelier` takes milliseconds.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

_TYPES = ("FINAL", "Batch", "Event", "Job", "Network", "Output", "Progress", "Queue", "Style", "Upload")
_MODULES = {"Client": "atelier.client", **dict.fromkeys(_TYPES, "atelier.types")}


def __getattr__(name: str) -> Any:
    """A public name, from the module that defines it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_MODULES.get(name, "atelier.errors")), name)
    globals()[name] = value
    return value
