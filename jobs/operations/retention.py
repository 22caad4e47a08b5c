"""What is deleted, when: jobs on request, what has expired, and bytes that nothing refers to."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, and_, delete, exists, or_, select
from sqlalchemy.exc import IntegrityError

from jobs.blobs.storage import BlobStorage
from jobs.db.engine import SessionFactory, now, reading
from jobs.db.models.blobs import Blob, StoredUpload
from jobs.db.models.catalog import Style, StyleStatistics
from jobs.db.models.jobs import Batch, Job, JobFile
from jobs.db.models.trainings import DatasetImage, TrainedNetwork
from jobs.errors import ConflictError, JobsError, NotFoundError
from jobs.queue.lifecycle import FINAL, JobStatus

log = logging.getLogger(__name__)


def delete_job(sessions: SessionFactory, owner: str, job_id: str) -> None:
    """Delete a job that does not run, with its files and history.

    Raises `NotFoundError`, or `ConflictError` while it runs: its worker would lose what it works on.
    """
    mine = and_(Job.id == job_id, Job.owner == owner)
    with sessions.begin() as session:
        if _count(session.execute(delete(Job).where(mine, Job.status != JobStatus.RUNNING))):
            return
        running = session.scalar(select(exists().where(mine)))
    if running:
        raise ConflictError("This job is running; cancel it first, and delete it when it has ended.")
    raise NotFoundError(f"There is no job {job_id[:64]}.")


def purge(sessions: SessionFactory, limit: int = 500) -> int:
    """Delete up to `limit` jobs that ended and expired, and as many uploads; returns how many."""
    with sessions.begin() as session:
        at = now(session)
        jobs = select(Job.id).where(Job.expires_at <= at, Job.status.in_(FINAL)).limit(limit)
        uploads = select(StoredUpload.id).where(StoredUpload.expires_at <= at).limit(limit)
        gone = _count(session.execute(delete(Job).where(Job.id.in_(jobs))))
        session.execute(delete(Batch).where(~exists().where(Job.batch_id == Batch.id)))
        gone += _count(session.execute(delete(StoredUpload).where(StoredUpload.id.in_(uploads))))
    return gone


def sweep(
    sessions: SessionFactory, storage: BlobStorage, *, orphan_seconds: float, limit: int = 500
) -> int:
    """Delete bytes that nothing has referred to for `orphan_seconds`; returns how many blobs went.

    What was computed from them goes too.
    Safe beside submits and other sweeps: see `_sweep_one`.
    """
    with reading(sessions) as session:
        before = now(session) - timedelta(seconds=orphan_seconds)
        orphans = session.scalars(
            select(Blob.sha256).where(Blob.touched_at < before, ~referred()).limit(limit)
        ).all()
    swept = 0
    for sha256 in orphans:
        try:
            swept += _sweep_one(sessions, storage, sha256, orphan_seconds)
        except IntegrityError:
            log.info("blob %s was taken into use while it was swept", sha256)
        except JobsError as error:
            why = error.__cause__ or error.detail
            log.warning("blob %s could not be swept: %s", sha256, why)
    return swept


def _sweep_one(
    sessions: SessionFactory, storage: BlobStorage, sha256: str, orphan_seconds: float
) -> int:
    # The bytes go while the deleted row is still locked. A submit of the same bytes touches the row
    # before it writes them: if it comes first, the row is not old any more; if it comes second, it
    # waits for us, makes the row anew and then finds that it has to write the bytes.
    with sessions.begin() as session:
        before = now(session) - timedelta(seconds=orphan_seconds)
        orphan = delete(Blob).where(Blob.sha256 == sha256, Blob.touched_at < before, ~referred())
        if not _count(session.execute(orphan)):
            return 0
        session.execute(delete(StyleStatistics).where(StyleStatistics.sha256 == sha256))
        storage.delete(sha256)
        return 1


def referred() -> ColumnElement[bool]:
    """Whether anything refers to the blob. Every table with a blob's SHA-256 belongs here."""
    named = (
        *(JobFile.sha256, Style.sha256, StoredUpload.sha256, DatasetImage.sha256),
        *(TrainedNetwork.sha256, TrainedNetwork.style_sha256, TrainedNetwork.sample_sha256),
    )
    return or_(*(exists().where(column == Blob.sha256) for column in named))


def _count(result: Any) -> int:
    return cast("CursorResult[Any]", result).rowcount
