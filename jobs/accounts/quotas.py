"""How much an owner may have, and how much the whole service takes on."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import ColumnElement, bindparam, func, select, union
from sqlalchemy.orm import Session

from jobs.db.models.blobs import Blob, StoredUpload
from jobs.db.models.catalog import Style
from jobs.db.models.jobs import Job, JobFile
from jobs.db.models.owners import Owner
from jobs.db.models.trainings import Dataset, DatasetImage, TrainedNetwork
from jobs.errors import InvalidParamsError, OverLimitError, QueueFullError
from jobs.queue.claiming import QUEUED
from jobs.settings import Settings

#: What to tell a client whose files take too much room: it comes back when something is deleted.
BYTES_RETRY_SECONDS = 3600

# Every submit asks these, and to put a statement together takes longer than to execute it.
_QUEUED = select(func.count()).where(QUEUED, Job.queue == bindparam("queue"))
_QUEUED_BY_OWNER = select(func.count()).where(QUEUED, Job.owner == bindparam("owner"))
_LOCKED_OWNER = (
    select(Owner.name).where(Owner.name == bindparam("owner")).with_for_update(key_share=True)
)


def check_quotas(
    session: Session,
    settings: Settings,
    owner: str,
    queue: str,
    *,
    jobs: int,
    files: Mapping[str, int],
    lock: bool = False,
) -> None:
    """Make sure that `jobs` more jobs and `files` (SHA-256 → bytes) may be taken.

    With `lock`, others who submit for this owner wait until the transaction ends, so that the owner's
    bounds hold exactly. The bound of the whole queue may be passed by the submits of that moment.
    Raises `OverLimitError` and `QueueFullError`, and `InvalidParamsError` for more jobs at once than
    could ever fit.
    """
    if lock:
        session.execute(_LOCKED_OWNER, {"owner": owner})
    most = settings.max_queued_per_owner
    if most:
        _check_fits(jobs, most)
        queued = session.scalar(_QUEUED_BY_OWNER, {"owner": owner}) or 0
        if queued + jobs > most:
            raise OverLimitError(
                f"You have {queued} jobs queued and may have {most}: wait for some to start, "
                "or cancel some."
            )
    if settings.max_queued:
        _check_fits(jobs, settings.max_queued)
        queued = session.scalar(_QUEUED, {"queue": queue}) or 0
        if queued + jobs > settings.max_queued:
            raise QueueFullError(f"The queue is full ({settings.max_queued} jobs); try again later.")
    check_storage_quota(session, owner, settings.max_mb_per_owner, files)


def stored_bytes(session: Session, owner: str) -> int:
    """The size of all that an owner keeps, each file counted once; the gallery is free."""
    free = select(Style.sha256).where(Style.owner.is_(None))
    size = select(func.sum(Blob.size)).where(_kept_by(owner), Blob.sha256.not_in(free))
    return int(session.scalar(size) or 0)


def _kept_by(owner: str) -> ColumnElement[bool]:
    """Whether a blob is of the owner's jobs, uploads, styles, networks or datasets."""
    of_jobs = select(JobFile.sha256).join(Job, Job.id == JobFile.job_id).where(Job.owner == owner)
    uploaded = select(StoredUpload.sha256).where(StoredUpload.owner == owner)
    styles = select(Style.sha256).where(Style.owner == owner)
    networks = select(TrainedNetwork.sha256).where(TrainedNetwork.owner == owner)
    photos = (
        select(DatasetImage.sha256)
        .join(Dataset, Dataset.id == DatasetImage.dataset_id)
        .where(Dataset.owner == owner)
    )
    return Blob.sha256.in_(union(of_jobs, uploaded, styles, networks, photos))


def check_storage_quota(
    session: Session, owner: str, most_mb: int, files: Mapping[str, int], *, lock: bool = False
) -> None:
    """Make sure that `files` (SHA-256 → bytes) may be kept too; 0 MB is no limit.

    `lock` is as in `check_quotas`. Raises `OverLimitError`.
    """
    if not most_mb:
        return
    if lock:
        session.execute(_LOCKED_OWNER, {"owner": owner})
    kept = stored_bytes(session, owner)
    known = set(
        session.scalars(select(Blob.sha256).where(_kept_by(owner), Blob.sha256.in_(list(files))))
    )
    added = sum(size for sha256, size in files.items() if sha256 not in known)
    if added and kept + added > most_mb * 1_000_000:
        raise OverLimitError(
            f"Your files take {kept / 1e6:.1f} MB and may take {most_mb} MB; delete some.",
            retry_after=BYTES_RETRY_SECONDS,
        )


def _check_fits(jobs: int, most: int) -> None:
    if jobs > most:
        raise InvalidParamsError([("content", f"These are {jobs} jobs; {most} may wait at a time.")])
