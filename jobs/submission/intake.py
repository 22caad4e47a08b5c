"""Takes what was checked: files into storage, jobs into SQL, all or none, and wakes the workers."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from jobs.accounts.quotas import check_quotas
from jobs.blobs.rows import store_blobs
from jobs.blobs.storage import BlobStorage
from jobs.db.engine import SessionFactory, now, reading
from jobs.db.models.jobs import Batch, Job
from jobs.db.upserts import ensure_owner
from jobs.errors import InvalidParamsError, NotFoundError
from jobs.queue import outbox
from jobs.queue.broker import Broker
from jobs.settings import Settings
from jobs.submission.insertion import insert_job
from jobs.submission.result_cache import find_cached_result
from jobs.submission.validation import Submission


class Intake:
    """The one way in for jobs: alone, in a batch, or again."""

    def __init__(
        self, settings: Settings, sessions: SessionFactory, storage: BlobStorage, broker: Broker
    ) -> None:
        self._settings = settings
        self._sessions = sessions
        self._storage = storage
        self._broker = broker

    def take_one(self, submission: Submission) -> Job:
        """Take one job, or find the one that the same id or key made before.

        Raises `InvalidParamsError` if the id or key stands for another request, `NotFoundError` if the
        id is another owner's, and what `take` raises.
        """
        job = self._earlier(submission)
        if job is not None:
            return job
        try:
            return self.take([submission])[0]
        except IntegrityError:
            # The same key or id came twice at the same moment; the other request made the job.
            job = self._earlier(submission)
            if job is None:
                raise
            return job

    def check_id(self, job_id: str, owner: str) -> None:
        """Raise `NotFoundError` unless the id is free or names a job of the owner's."""
        with reading(self._sessions) as session:
            taken_by = session.scalar(select(Job.owner).where(Job.id == job_id))
        if taken_by not in {None, owner}:
            raise NotFoundError(f"There is no job {job_id}; choose another id for a new one.")

    def _earlier(self, submission: Submission) -> Job | None:
        if submission.job_id is None and submission.idempotency_key is None:
            return None
        if submission.job_id is not None:
            self.check_id(submission.job_id, submission.owner)
        with reading(self._sessions) as session:
            job, name = None, "Idempotency-Key"
            if submission.job_id is not None:
                job, name = session.get(Job, submission.job_id), "job_id"
            else:
                job = session.scalars(
                    select(Job).where(
                        Job.owner == submission.owner,
                        Job.idempotency_key == submission.idempotency_key,
                    )
                ).one_or_none()
        if job is None:
            return None
        if job.request_hash != submission.request_hash:
            raise InvalidParamsError([(name, "This was used for another request; use a new one.")])
        return job

    def take(self, submissions: list[Submission], batch: Batch | None = None) -> list[Job]:
        """Write the jobs of one owner and queue, and return them. Succeeds while the broker is away.

        Those that an earlier output answers are done at once. Raises `OverLimitError`,
        `QueueFullError`, `StorageError`, and `IntegrityError` if another request took an id or key.
        """
        with reading(self._sessions) as session:
            found = [self._find(session, submission) for submission in submissions]
            self._check(session, submissions, found)
        earlier = [job if job is not None and self._has(job) else None for job in found]
        # Files before rows: a row never names bytes that are not there.
        files = {file.sha256: file for submission in submissions for file in submission.files.values()}
        store_blobs(self._sessions, self._storage, list(files.values()))
        with self._sessions.begin() as session:
            ensure_owner(session, submissions[0].owner)
            # One that was deleted a moment ago answers nothing any more.
            earlier = [job if job and session.get(Job, job.id) else None for job in earlier]
            self._check(session, submissions, earlier, lock=True)
            if batch is not None:
                batch.created_at = now(session)
                session.add(batch)
                session.flush()
            written = [
                insert_job(
                    session,
                    submission,
                    max_attempts=self._settings.max_attempts,
                    retention=self._settings.retention_seconds,
                    batch_id=None if batch is None else batch.id,
                    place=place,
                    earlier=earlier[place],
                )
                for place, submission in enumerate(submissions)
            ]
        # What can't be sent now is the dispatcher's.
        outbox.send(self._sessions, self._broker, [token for _, token in written if token is not None])
        return [job for job, _ in written]

    def _find(self, session: Session, submission: Submission) -> Job | None:
        if not submission.use_cache:
            return None
        return find_cached_result(
            session, submission.owner, submission.kind, submission.params, submission.inputs
        )

    def _has(self, job: Job) -> bool:
        outputs = job.outputs
        return bool(outputs) and all(self._storage.exists(file.sha256) for file in outputs)

    def _check(
        self,
        session: Session,
        submissions: list[Submission],
        earlier: list[Job | None],
        *,
        lock: bool = False,
    ) -> None:
        first = submissions[0]
        check_quotas(
            session,
            self._settings,
            first.owner,
            first.queue,
            jobs=earlier.count(None),
            files={f.sha256: len(f.data) for s in submissions for f in s.files.values()},
            lock=lock,
        )
