"""Deletion of jobs on request, of expired jobs and uploads, and of unreferenced blobs (sweep)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, and_, delete, exists, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from jobs.blobs.storage import BlobStorage
from jobs.blobs.usage import discard_usage
from jobs.db.engine import SessionFactory, now, reading
from jobs.db.models.blobs import Blob, BlobDeletion, StoredUpload
from jobs.db.models.catalog import Style, StyleStatistics
from jobs.db.models.jobs import Batch, Job, JobFile
from jobs.db.models.operations import OwedWebhook, UsedId, WebhookDelivery
from jobs.db.models.owners import EndedSession
from jobs.db.models.trainings import DatasetImage, TrainedNetwork
from jobs.errors import ConflictError, JobsError, NotFoundError
from jobs.queue.lifecycle import FINAL, JobStatus
from jobs.webhooks import delivery

#: Seconds after which an unconfirmed deletion is repeated: longer than a request to S3 with retries.
SETTLE_SECONDS = 180.0
#: Days for which the id of a deleted job stays its owner's.
USED_ID_DAYS = 400

log = logging.getLogger(__name__)


def delete_job(sessions: SessionFactory, owner: str, job_id: str) -> None:
    """Delete a job that is not running, with its files and events.

    Raises `NotFoundError`, or `ConflictError` while the job runs, because its worker needs the files.
    """
    own_job = and_(Job.id == job_id, Job.owner == owner)
    with sessions.begin() as session:
        status = session.scalar(select(Job.status).where(own_job).with_for_update(of=Job))
        running = status == JobStatus.RUNNING
        deleted = 0 if status is None or running else _delete_jobs(session, [job_id])
    if deleted:
        with sessions.begin() as session:
            discard_usage(session, owner)
        return
    if running:
        raise ConflictError("This job is running; cancel it first, and delete it when it has ended.")
    raise NotFoundError(f"There is no job {job_id[:64]}.")


def purge(sessions: SessionFactory, limit: int = 500) -> int:
    """Delete up to `limit` expired jobs and `limit` expired uploads; returns the number deleted."""
    with sessions.begin() as session:
        at = now(session)
        jobs = select(Job.id).where(Job.expires_at <= at, Job.status.in_(FINAL)).limit(limit)
        uploads = select(StoredUpload.id).where(StoredUpload.expires_at <= at).limit(limit)
        deleted = _delete_jobs(session, session.scalars(jobs).all())
        session.execute(delete(UsedId).where(UsedId.deleted_at < at - timedelta(days=USED_ID_DAYS)))
        session.execute(delete(EndedSession).where(EndedSession.until < at))
        session.execute(delete(Batch).where(~exists().where(Job.batch_id == Batch.id)))
        deleted += _count(session.execute(delete(StoredUpload).where(StoredUpload.id.in_(uploads))))
    if deleted:
        with sessions.begin() as session:
            discard_usage(session)
    return deleted


def _delete_jobs(session: Session, job_ids: Sequence[str]) -> int:
    """Delete jobs; their pending webhook messages stay, and no other owner gets their ids."""
    of_jobs = Job.id.in_(job_ids)
    owed = session.execute(
        select(WebhookDelivery, Job)
        .join(Job, Job.id == WebhookDelivery.job_id)
        .where(of_jobs, WebhookDelivery.next_at.is_not(None))
    ).unique()
    for message, job in owed:
        if message.next_at is not None and job.webhook_url is not None:
            session.add(
                OwedWebhook(
                    id=message.id,
                    owner=job.owner,
                    url=job.webhook_url,
                    body=delivery.payload(job, message).decode(),
                    attempts=message.attempts,
                    next_at=message.next_at,
                )
            )
    at = now(session)
    owners = session.execute(select(Job.id, Job.owner).where(of_jobs)).all()
    for job_id, owner in owners:
        session.merge(UsedId(job_id=job_id, owner=owner, deleted_at=at))
    session.flush()
    return _count(session.execute(delete(Job).where(of_jobs)))


def sweep(
    sessions: SessionFactory, storage: BlobStorage, *, orphan_seconds: float, limit: int = 500
) -> int:
    """Delete blobs that were unreferenced and unused for `orphan_seconds`; returns the number deleted.

    Cached statistics of the blobs are deleted too. Safe beside submits and other sweeps: see
    `jobs.blobs.rows`. No transaction is open while bytes are deleted.
    """
    with reading(sessions) as session:
        before = now(session) - timedelta(seconds=orphan_seconds)
        orphans = session.scalars(
            select(Blob.sha256).where(Blob.touched_at < before, ~is_referred()).limit(limit)
        ).all()
    swept = 0
    for sha256 in orphans:
        try:
            if _begin_deletion(sessions, sha256, orphan_seconds):
                swept += delete_bytes(sessions, storage, sha256)
        except IntegrityError:
            log.info("blob %s came into use while it was swept", sha256)
    return swept


def finish_deletions(
    sessions: SessionFactory,
    storage: BlobStorage,
    *,
    settle_seconds: float = SETTLE_SECONDS,
    limit: int = 500,
) -> int:
    """Repeat deletions that began `settle_seconds` ago and were not confirmed; returns how many ended.

    They failed, or the process died that ran them.
    """
    with sessions.begin() as session:
        at = now(session)
        unconfirmed = session.scalars(
            select(BlobDeletion.sha256)
            .where(BlobDeletion.started_at <= at - timedelta(seconds=settle_seconds))
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).all()
        # Claims them: another process waits `settle_seconds` from now.
        claim = update(BlobDeletion).where(BlobDeletion.sha256.in_(unconfirmed))
        session.execute(claim.values(started_at=at))
    return sum(delete_bytes(sessions, storage, sha256) for sha256 in unconfirmed)


def _begin_deletion(sessions: SessionFactory, sha256: str, orphan_seconds: float) -> bool:
    with sessions.begin() as session:
        at = now(session)
        before = at - timedelta(seconds=orphan_seconds)
        orphan = delete(Blob).where(Blob.sha256 == sha256, Blob.touched_at < before, ~is_referred())
        if not _count(session.execute(orphan)):
            return False
        session.execute(delete(StyleStatistics).where(StyleStatistics.sha256 == sha256))
        session.add(BlobDeletion(sha256=sha256, started_at=at))
    return True


def delete_bytes(sessions: SessionFactory, storage: BlobStorage, sha256: str) -> bool:
    """Delete the bytes of a blob whose deletion has begun; returns whether the store confirmed it."""
    try:
        storage.delete(sha256)
    except JobsError as error:
        # The deletion may still arrive at the store. Nobody stores the same bytes until it is repeated.
        log.warning("blob %s could not be deleted: %s", sha256, error.__cause__ or error.detail)
        return False
    with sessions.begin() as session:
        session.execute(delete(BlobDeletion).where(BlobDeletion.sha256 == sha256))
    return True


def is_referred() -> ColumnElement[bool]:
    """SQL condition: a row refers to the blob. Lists every column with the SHA-256 of a blob."""
    columns = (
        *(JobFile.sha256, Style.sha256, StoredUpload.sha256, DatasetImage.sha256),
        *(TrainedNetwork.sha256, TrainedNetwork.style_sha256, TrainedNetwork.sample_sha256),
    )
    return or_(*(exists().where(column == Blob.sha256) for column in columns))


def _count(result: Any) -> int:
    return cast("CursorResult[Any]", result).rowcount
