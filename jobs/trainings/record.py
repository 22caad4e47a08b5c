"""Writes of a running training, fenced by its lease: checkpoints, samples, losses, notices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from jobs.db.engine import now
from jobs.db.models.jobs import Job, JobFile
from jobs.db.models.trainings import TrainingLoss
from jobs.errors import LeaseLostError
from jobs.queue.lifecycle import Run, fenced_update, record_event

#: Directions of files of a training, beside `input` and `output`.
CHECKPOINT = "state"
SAMPLE = "sample"
LOSSES = ("content", "style", "tv", "total")


@dataclass(frozen=True, kw_only=True)
class TrainingSignals:
    """Requests of the owner to a running training."""

    cancel: bool
    pause: bool
    finish: bool


def read_signals(session: Session, run: Run) -> TrainingSignals:
    """Read the owner's requests to a run. Raises `LeaseLostError`."""
    row = session.execute(
        select(Job.cancel_requested_at, Job.paused_at, Job.finish_requested_at).where(run.fence())
    ).one_or_none()
    if row is None:
        raise LeaseLostError
    return TrainingSignals(
        cancel=row.cancel_requested_at is not None,
        pause=row.paused_at is not None,
        finish=row.finish_requested_at is not None,
    )


def save_checkpoint(session: Session, run: Run, step: int, sha256: str) -> None:
    """Store the newest checkpoint in place of the previous one; earlier attempts no longer count.

    Raises `LeaseLostError`.
    """
    fenced_update(session, run, checkpoint_step=step, forgiven=run.attempt - 1)
    previous = (JobFile.job_id == run.job_id, JobFile.direction == CHECKPOINT)
    session.execute(delete(JobFile).where(*previous))
    session.add(
        JobFile(job_id=run.job_id, direction=CHECKPOINT, role="newest", position=step, sha256=sha256)
    )


def save_sample(session: Session, run: Run, step: int, sha256: str, *, only: bool = False) -> None:
    """Store a sample picture and its event; with `only`, earlier samples are deleted.

    Raises `LeaseLostError`.
    """
    fenced_update(session, run)
    earlier = (JobFile.job_id == run.job_id, JobFile.direction == SAMPLE)
    # A run that was rolled back reaches the same step again.
    replaced = earlier if only else (*earlier, JobFile.position == step)
    session.execute(delete(JobFile).where(*replaced))
    session.add(
        JobFile(job_id=run.job_id, direction=SAMPLE, role="sample", position=step, sha256=sha256)
    )
    url = f"/v1/jobs/{run.job_id}/samples/{step}"
    record_event(session, run.job_id, "sample", now(session), step=step, url=url)


def save_losses(session: Session, run: Run, step: int, losses: Mapping[str, Any]) -> None:
    """Store the losses of a step; delete those of later steps, as the run may have been rolled back.

    Raises `LeaseLostError`.
    """
    fenced_update(session, run)
    of_job = TrainingLoss.job_id == run.job_id
    session.execute(delete(TrainingLoss).where(of_job, TrainingLoss.step >= step))
    values = {name: float(losses[name]) for name in LOSSES if name in losses}
    session.add(TrainingLoss(job_id=run.job_id, step=step, **values))


def record_notice(session: Session, run: Run, step: int, code: str, message: str) -> None:
    """Record a notice for people as an event. Raises `LeaseLostError`."""
    fenced_update(session, run)
    record_event(session, run.job_id, "notice", now(session), step=step, code=code, message=message)
