"""Stores validated submissions: files to blob storage, jobs to SQL (all or none), tokens to workers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Engine, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from jobs.accounts.quotas import QueueCounts, check_quotas
from jobs.blobs.rows import BeingDeletedError, store_blobs, write_rows
from jobs.blobs.staging import StagedFiles
from jobs.blobs.storage import BlobStorage
from jobs.db.engine import SessionFactory, reading
from jobs.db.models.jobs import Batch, Job
from jobs.db.models.operations import UsedId
from jobs.db.transactions import run_transaction
from jobs.db.upserts import ensure_owner_and_now
from jobs.errors import InvalidParamsError, NotFoundError
from jobs.media.pictures import CheckedFile
from jobs.operations.unlisted_blobs import delete_unlisted
from jobs.queue.outbox import Token
from jobs.queue.position import QueuePositions, mark_neutral
from jobs.queue.publisher import TokenPublisher
from jobs.settings import Settings
from jobs.submission.insertion import insert_job
from jobs.submission.result_cache import find_cached_result
from jobs.submission.validation import Submission


class Intake:
    """Stores new jobs: single jobs, batches and retries."""

    def __init__(
        self,
        settings: Settings,
        sessions: SessionFactory,
        reader: Engine,
        storage: BlobStorage,
        publisher: TokenPublisher,
        positions: QueuePositions,
        counts: QueueCounts,
    ) -> None:
        self._settings = settings
        self._sessions = sessions
        self._reader = reader
        self._storage = storage
        self._publisher = publisher
        self._positions = positions
        self._counts = counts

    def store_one(self, submission: Submission, staged: StagedFiles | None = None) -> Job:
        """Store one job, or return the job that the same id or key made before.

        `staged` are its files, as far as they are staged already.

        Raises `InvalidParamsError` if the id or key was used for another request, `NotFoundError` if
        the id belongs to another owner, and what `store_all` raises.
        """
        job = self._find_duplicate(submission)
        if job is not None:
            return job
        try:
            return self.store_all([submission], staged=staged)[0]
        except IntegrityError:
            # Two requests with the same key or id came at the same moment; the other one made the job.
            job = self._find_duplicate(submission)
            if job is None:
                raise
            return job

    def check_id(self, job_id: str, owner: str) -> None:
        """Raise `NotFoundError` unless the id is free or names a job of this owner."""
        with reading(self._sessions) as session:
            id_owner = session.scalar(select(Job.owner).where(Job.id == job_id)) or session.scalar(
                select(UsedId.owner).where(UsedId.job_id == job_id)
            )
        if id_owner not in {None, owner}:
            raise NotFoundError(f"There is no job {job_id}; choose another id for a new one.")

    def _find_duplicate(self, submission: Submission) -> Job | None:
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

    def store_all(
        self,
        submissions: list[Submission],
        batch: Batch | None = None,
        staged: StagedFiles | None = None,
    ) -> list[Job]:
        """Store the jobs of one owner and queue, and return them. Succeeds while the broker is down.

        Jobs with a cached result have succeeded at once. Raises `OverLimitError`, `QueueFullError`,
        `StorageError`, and `IntegrityError` if another request used an id or key.
        """
        cached = [self._find_cached_result(submission) for submission in submissions]
        files = {file.sha256: file for submission in submissions for file in submission.files.values()}
        if staged is None or self._settings.max_queued_per_owner or self._settings.max_mb_per_owner:
            # Before the files are named; without quotas of owners, refusals are rare.
            with reading(self._sessions) as session:
                self._check_quotas(session, submissions, cached)
        # Files before the rows of the job, so that a job never names bytes that are not in storage.
        if staged is not None and staged.add(files.values()):
            new = staged.publish(files)
            _publish_photos(files.values(), cached)
            try:
                return self._insert(submissions, batch, cached, files, listed=False)
            except BeingDeletedError:
                pass  # `store_blobs` waits for the end of the deletion
            except SQLAlchemyError:
                raise  # the database would not answer: maintenance deletes the files
            except Exception:
                delete_unlisted(self._sessions, self._storage, new)
                raise
        store_blobs(self._sessions, self._storage, list(files.values()))
        _publish_photos(files.values(), cached)
        return self._insert(submissions, batch, cached, files, listed=True)

    def _insert(
        self,
        submissions: list[Submission],
        batch: Batch | None,
        cached: list[Job | None],
        files: dict[str, CheckedFile],
        *,
        listed: bool,
    ) -> list[Job]:
        """Insert the jobs in one transaction and send their tokens.

        The transaction also writes the rows of the files, unless they are `listed` already. Raises
        `BeingDeletedError` for files of which an old copy is being deleted.
        """
        written = self._write(submissions, batch, cached, files, listed=listed)
        jobs = [job for job, _ in written]
        self._positions.add(jobs)
        # Maintenance sends the tokens that can't be sent now.
        self._publisher.publish([token for _, token in written if token is not None])
        return jobs

    def _write(
        self,
        submissions: list[Submission],
        batch: Batch | None,
        cached: list[Job | None],
        files: dict[str, CheckedFile],
        *,
        listed: bool,
    ) -> list[tuple[Job, Token | None]]:
        def write(session: Session) -> list[tuple[Job, Token | None]]:
            mark_neutral(session)
            at = ensure_owner_and_now(session, submissions[0].owner)
            # An earlier job that was deleted since is no cached result any more.
            kept = [job if job and session.get(Job, job.id) else None for job in cached]
            self._check_quotas(session, submissions, kept, lock=True)
            if batch is not None:
                batch.created_at = at
                session.add(batch)
                session.flush()
            if files and not listed:
                self._write_rows_of_files(session, files, at)
            return [
                insert_job(
                    session,
                    submission,
                    # Jobs of a batch run in their order.
                    at + timedelta(microseconds=index),
                    max_attempts=self._settings.max_attempts,
                    retention=self._settings.retention_seconds,
                    batch_id=None if batch is None else batch.id,
                    cached_result=kept[index],
                    files=files,
                )
                for index, submission in enumerate(submissions)
            ]

        return run_transaction(self._sessions, write)

    def _write_rows_of_files(
        self, session: Session, files: dict[str, CheckedFile], at: datetime
    ) -> None:
        rows = [(file.sha256, len(file.data), file.info) for file in files.values()]
        write_rows(session, rows, at, referred=True)
        # A sweep may have ended since the files were stored; now that they have rows, none will begin.
        if not all(self._storage.exists(name) for name in files):
            raise BeingDeletedError

    def _find_cached_result(self, submission: Submission) -> Job | None:
        if not submission.handling.use_cache:
            return None
        job_id = find_cached_result(
            self._reader, submission.owner, submission.kind, submission.params, submission.inputs
        )
        if job_id is None:
            return None
        with reading(self._sessions) as session:
            job = session.get(Job, job_id)
        return job if job is not None and self._outputs_exist(job) else None

    def _outputs_exist(self, job: Job) -> bool:
        outputs = job.outputs
        return bool(outputs) and all(self._storage.exists(file.sha256) for file in outputs)

    def _check_quotas(
        self,
        session: Session,
        submissions: list[Submission],
        cached: list[Job | None],
        *,
        lock: bool = False,
    ) -> None:
        first = submissions[0]
        check_quotas(
            session,
            self._settings,
            first.owner,
            first.queue,
            jobs=cached.count(None),
            files={f.sha256: len(f.data) for s in submissions for f in s.files.values()},
            counts=self._counts,
            lock=lock,
        )


def _publish_photos(files: Iterable[CheckedFile], cached: list[Job | None]) -> None:
    """Let workers take the pixels of photos, before one may claim the job; not of a cached result."""
    if None in cached:
        for file in files:
            if file.photo is not None:
                file.photo.publish(file.sha256)
