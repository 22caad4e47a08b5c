"""Folders of long jobs on this machine. They outlive a run, so that the next one goes on from them."""

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
    """The folder of a job below that of its kind, made if need be.

    Deletes those of jobs that have ended or were deleted: a job that was canceled while it waited, or
    whose worker died, has nobody else to do it.
    """
    home = context.settings.home / kind
    folder = home / job_id
    folder.mkdir(parents=True, exist_ok=True)
    names = [path.name for path in home.iterdir()]
    with reading(context.sessions) as session:
        open_ = select(Job.id).where(Job.id.in_(names), Job.status.not_in(FINAL))
        kept = set(session.scalars(open_).all())
    for name in names:
        if name not in kept:
            shutil.rmtree(home / name, ignore_errors=True)
    return folder
