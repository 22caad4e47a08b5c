"""Work folders of long jobs on this machine. They outlive a run, so that the next run can resume."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from jobs.db.engine import reading
from jobs.db.models.jobs import Job
from jobs.queue.lifecycle import FINAL

if TYPE_CHECKING:
    from worker.context import WorkerContext


def job_folder(context: WorkerContext, kind: str, job_id: str) -> Path:
    """The work folder of a job, below the folder of its kind; created if missing.

    Also deletes the folders of jobs that have ended or were deleted. No other code does that for a job
    that was canceled while it was queued, or whose worker died.
    """
    home = context.settings.home / kind
    folder = home / job_id
    folder.mkdir(parents=True, exist_ok=True)
    names = [path.name for path in home.iterdir()]
    with reading(context.sessions) as session:
        unfinished = select(Job.id).where(Job.id.in_(names), Job.status.not_in(FINAL))
        active = set(session.scalars(unfinished).all())
    for name in names:
        if name not in active:
            shutil.rmtree(home / name, ignore_errors=True)
    return folder
