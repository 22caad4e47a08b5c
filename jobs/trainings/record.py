"""Database records of a running training, fenced by its lease: checkpoints, samples, losses, notices.

Also reads what the owner has requested of the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from jobs.blobs.usage import discard_usage
from jobs.db.engine import now
from jobs.db.models.jobs import Job, JobFile
from jobs.db.models.trainings import TrainingLoss
from jobs.errors import LeaseLostError
from jobs.queue.lifecycle import Run, fenced_update, record_event

#: Values of `JobFile.direction` that only trainings use, beside `input` and `output`.
CHECKPOINT = "state"
SAMPLE = "sample"
LOSSES = ("content", "style", "tv", "total")


@dataclass(frozen=True, kw_only=True)
class TrainingSignals:
    """Requests of the owner for a run."""

    cancel: bool
    pause: bool
    finish: bool


def read_signals(session: Session, run: Run) -> TrainingSignals:
    """Read the owner's requests for `run`. Raises `LeaseLostError`."""
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
    """Record the newest checkpoint in place of the one before, and reset the count of failed attempts.

    Raises `LeaseLostError`.
    """
    fenced_update(session, run, checkpoint_step=step, forgiven=run.attempt - 1)
    of_job = (JobFile.job_id == run.job_id, JobFile.direction == CHECKPOINT)
    session.execute(delete(JobFile).where(*of_job))
    _discard_usage(session, run)
    session.add(
        JobFile(job_id=run.job_id, direction=CHECKPOINT, role="newest", position=step, sha256=sha256)
    )


def save_sample(session: Session, run: Run, step: int, sha256: str, *, only: bool = False) -> None:
    """Add a sample picture and a `sample` event; `only` deletes all earlier samples.

    Raises `LeaseLostError`.
    """
    fenced_update(session, run)
    samples = (JobFile.job_id == run.job_id, JobFile.direction == SAMPLE)
    # A run that was rolled back reaches the same step again.
    replaced = samples if only else (*samples, JobFile.position == step)
    session.execute(delete(JobFile).where(*replaced))
    _discard_usage(session, run)
    session.add(
        JobFile(job_id=run.job_id, direction=SAMPLE, role="sample", position=step, sha256=sha256)
    )
    url = f"/v1/jobs/{run.job_id}/samples/{step}"
    record_event(session, run.job_id, "sample", now(session), step=step, url=url)


def _discard_usage(session: Session, run: Run) -> None:
    owner = session.scalar(select(Job.owner).where(Job.id == run.job_id))
    discard_usage(session, owner)


def save_losses(session: Session, run: Run, step: int, losses: Mapping[str, Any]) -> None:
    """Record the losses of a step and delete those of later steps, since a run may be rolled back.

    Raises `LeaseLostError`.
    """
    fenced_update(session, run)
    of_job = TrainingLoss.job_id == run.job_id
    session.execute(delete(TrainingLoss).where(of_job, TrainingLoss.step >= step))
    values = {name: float(losses[name]) for name in LOSSES if name in losses}
    session.add(TrainingLoss(job_id=run.job_id, step=step, **values))


def record_notice(session: Session, run: Run, step: int, code: str, message: str) -> None:
    """Add a `notice` event with a message for people. Raises `LeaseLostError`."""
    fenced_update(session, run)
    record_event(session, run.job_id, "notice", now(session), step=step, code=code, message=message)
