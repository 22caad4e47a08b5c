"""The handler of each kind of job."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from jobs.db.models.jobs import Job
from worker.kinds.export import export
from worker.kinds.optimize import optimize
from worker.kinds.stylize import stylize
from worker.kinds.train import train
from worker.kinds.video import video
from worker.result import JobResult

if TYPE_CHECKING:
    from worker.context import WorkerContext
    from worker.lease import Lease

HANDLERS: dict[str, Callable[[WorkerContext, Job, Lease], JobResult]] = {
    "stylize": stylize,
    "train": train,
    "optimize": optimize,
    "video": video,
    "export": export,
}
