"""Control of training jobs by their owner: pause, resume, finish; access to losses and samples."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from jobs.blobs.storage import BlobStorage
from jobs.db.engine import SessionFactory, now, reading
from jobs.db.models.blobs import Blob
from jobs.db.models.jobs import Job, JobFile
from jobs.db.models.trainings import TrainingLoss
from jobs.errors import ConflictError, NotFoundError
from jobs.params.kinds import KINDS
from jobs.queue import outbox
from jobs.queue.broker import Broker
from jobs.queue.lifecycle import FINAL, JobStatus, record_event
from jobs.trainings.record import SAMPLE


class TrainingControl:
    """Control of the training jobs of one owner."""

    def __init__(
        self, sessions: SessionFactory, storage: BlobStorage, broker: Broker, owner: str
    ) -> None:
        self._sessions = sessions
        self._storage = storage
        self._broker = broker
        self._owner = owner

    def pause(self, job_id: str) -> None:
        """Pause a training until it is resumed; a running one saves a checkpoint and stops.

        Raises `NotFoundError`, or `ConflictError` for a job that has ended or is not a training.
        """
        with self._sessions.begin() as session:
            job = self._active_training(session, job_id, "paused")
            if job.paused_at is None:
                self._update(session, job_id, paused_at=now(session))
                record_event(session, job_id, "pause", now(session), paused=True)

    def resume(self, job_id: str) -> None:
        """Resume a paused training from its newest checkpoint. Raises as `pause` does."""
        with self._sessions.begin() as session:
            job = self._active_training(session, job_id, "resumed")
            if job.paused_at is None:
                return
            self._update(session, job_id, paused_at=None)
            record_event(session, job_id, "pause", now(session), paused=False)
            if job.status == JobStatus.QUEUED:
                outbox.enqueue(session, job_id, job.queue)
        outbox.publish_in_request(self._sessions, self._broker, job_id)

    def finish(self, job_id: str) -> None:
        """Finish a training now, with the network as it is; a paused one is resumed for that.

        Raises as `pause` does, and `ConflictError` for a training that has no checkpoint yet.
        """
        with self._sessions.begin() as session:
            job = self._active_training(session, job_id, "finished")
            if job.status == JobStatus.QUEUED and job.checkpoint_step is None:
                raise ConflictError(
                    "This training has not started yet; cancel it, or let it run first."
                )
            self._update(session, job_id, finish_requested_at=now(session), paused_at=None)
            record_event(session, job_id, "finish", now(session))
            if job.status == JobStatus.QUEUED:
                outbox.enqueue(session, job_id, job.queue)
        outbox.publish_in_request(self._sessions, self._broker, job_id)

    def losses(self, job_id: str, after: int = -1, limit: int = 2_000) -> list[TrainingLoss]:
        """Losses of the steps above `after`, in order, at most `limit`. Raises `NotFoundError`."""
        with reading(self._sessions) as session:
            self._owned_job(session, job_id)
            found = (
                select(TrainingLoss)
                .where(TrainingLoss.job_id == job_id, TrainingLoss.step > after)
                .order_by(TrainingLoss.step)
                .limit(limit)
            )
            return list(session.scalars(found).all())

    def samples(self, job_id: str) -> list[JobFile]:
        """Sample pictures in the order of their steps. Raises `NotFoundError`."""
        with reading(self._sessions) as session:
            self._owned_job(session, job_id)
            of_job = (JobFile.job_id == job_id, JobFile.direction == SAMPLE)
            found = select(JobFile).where(*of_job).order_by(JobFile.position)
            return list(session.scalars(found).all())

    def sample(self, job_id: str, step: int) -> tuple[Blob, bytes]:
        """Sample picture of a step and its data. Raises `NotFoundError`."""
        for file in self.samples(job_id):
            if file.position == step:
                return file.blob, self._storage.get(file.sha256)
        raise NotFoundError(f"This job has no sample of step {step}.")

    def _active_training(self, session: Session, job_id: str, verb: str) -> Job:
        job = self._owned_job(session, job_id, lock=True)
        if not KINDS[job.kind].controllable:
            raise ConflictError(f"A job of the kind {job.kind} can't be {verb}; only trainings can.")
        if job.status in FINAL:
            raise ConflictError(f"This job has ended ({job.status}) and can't be {verb}.")
        return job

    def _owned_job(self, session: Session, job_id: str, *, lock: bool = False) -> Job:
        found = select(Job).where(Job.id == job_id, Job.owner == self._owner)
        job = session.scalars(found.with_for_update(of=Job) if lock else found).one_or_none()
        if job is None:
            raise NotFoundError(f"There is no job {job_id[:64]}.")
        return job

    def _update(self, session: Session, job_id: str, **values: Any) -> None:
        session.execute(update(Job).where(Job.id == job_id).values(version=Job.version + 1, **values))
