"""Storage usage: the bytes of all files of an owner, kept as a sum in the owner's row.

A file that several of the owner's jobs, uploads, styles, networks or datasets name is counted once.
Files of the gallery are free. The sum is computed when it is first needed; after that, new files are
added to it. A deletion discards the sum, because whether the last reference to a file has gone is as
costly to find out as the whole sum. Every sum is computed anew after `MAX_AGE_SECONDS`, so that an
error does not last.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    String,
    Update,
    bindparam,
    exists,
    func,
    or_,
    select,
    union,
    update,
)
from sqlalchemy.orm import Session

from jobs.db.engine import now, table
from jobs.db.models.blobs import Blob, StoredUpload
from jobs.db.models.catalog import Style
from jobs.db.models.jobs import Job, JobFile
from jobs.db.models.owners import Owner
from jobs.db.models.trainings import Dataset, DatasetImage, TrainedNetwork

#: Age in seconds from which a sum is computed anew.
MAX_AGE_SECONDS = 600.0

_TABLES_WITH_OWNER = (StoredUpload, Style, TrainedNetwork)
_SUM = select(Owner.stored_bytes, Owner.stored_bytes_at).where(Owner.name == bindparam("owner"))


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Bytes of all files of an owner, and when they were last summed up."""

    size: int
    computed_at: datetime


def compute_usage(session: Session, owner: str) -> int:
    """Compute the bytes of all files of an owner, at a cost that grows with their number."""
    of_jobs = select(JobFile.sha256).join(Job, Job.id == JobFile.job_id).where(Job.owner == owner)
    photos = (
        select(DatasetImage.sha256)
        .join(Dataset, Dataset.id == DatasetImage.dataset_id)
        .where(Dataset.owner == owner)
    )
    named = union(
        of_jobs,
        photos,
        *(select(table.sha256).where(table.owner == owner) for table in _TABLES_WITH_OWNER),
    )
    gallery = select(Style.sha256).where(Style.owner.is_(None))
    size = select(func.sum(Blob.size)).where(Blob.sha256.in_(named), Blob.sha256.not_in(gallery))
    return int(session.scalar(size) or 0)


def usage_of(session: Session, owner: str) -> Usage:
    """The storage usage of an owner: the sum in the owner's row, or computed without one."""
    at = now(session)
    row = session.execute(_SUM, {"owner": owner}).one_or_none()
    if row is not None and row.stored_bytes is not None and row.stored_bytes_at is not None:
        usage = Usage(size=row.stored_bytes, computed_at=row.stored_bytes_at)
        if usage.computed_at > at - timedelta(seconds=MAX_AGE_SECONDS):
            return usage
    return Usage(size=compute_usage(session, owner), computed_at=at)


def save_usage(session: Session, owner: str, usage: Usage, *, added: int) -> None:
    """Store `usage` plus `added` bytes as the sum of an owner, whose row the caller has locked."""
    session.execute(
        _unsynchronized(update(Owner))
        .where(Owner.name == owner)
        .values(stored_bytes=usage.size + added, stored_bytes_at=usage.computed_at)
    )


def add_usage(session: Session, owner: str, files: Collection[str]) -> None:
    """Add files (SHA-256) to the sum of an owner, before the rows that name them are inserted."""
    session.execute(_ADD, {"of_owner": owner, "files": list(files)})


def discard_usage(session: Session, owner: str | None = None) -> None:
    """Discard the sum of an owner, or of all owners (None), after files were deleted.

    Called in a transaction after that of the deletion: a transaction that locks a job before its owner
    and one that locks them in the other order could deadlock.
    """
    discard = _unsynchronized(update(Owner)).where(Owner.stored_bytes.is_not(None))
    if owner is not None:
        discard = discard.where(Owner.name == owner)
    session.execute(discard.values(stored_bytes=None))


def belongs_to(owner: str | BindParameter[str]) -> ColumnElement[bool]:
    """SQL condition: the blob is in a job, upload, style, network or dataset of the owner."""
    return or_(
        exists().where(JobFile.sha256 == Blob.sha256, JobFile.job_id == Job.id, Job.owner == owner),
        exists().where(
            DatasetImage.sha256 == Blob.sha256,
            DatasetImage.dataset_id == Dataset.id,
            Dataset.owner == owner,
        ),
        *(
            exists().where(table.sha256 == Blob.sha256, table.owner == owner)
            for table in _TABLES_WITH_OWNER
        ),
    )


# Built once, because building a statement takes longer than executing it.
_OWNER = bindparam("of_owner", type_=String)
_NEW = select(func.coalesce(func.sum(Blob.size), 0)).where(
    Blob.sha256.in_(bindparam("files", expanding=True)), ~belongs_to(_OWNER)
)
_ADD = (
    update(table(Owner))
    .where(table(Owner).c.name == _OWNER, table(Owner).c.stored_bytes.is_not(None))
    .values(stored_bytes=table(Owner).c.stored_bytes + _NEW.scalar_subquery())
)


def _unsynchronized(statement: Update) -> Update:
    # Rows of owners that the session may have loaded don't matter here.
    return statement.execution_options(synchronize_session=False)
