"""Quotas: jobs and bytes of an owner, and jobs of a queue."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from jobs.blobs.usage import belongs_to, save_usage, usage_of
from jobs.db.models.blobs import Blob
from jobs.db.models.jobs import Job
from jobs.db.models.owners import Owner
from jobs.db.upserts import dialect_name
from jobs.errors import InvalidParamsError, OverLimitError, QueueFullError
from jobs.queue.claiming import QUEUED
from jobs.settings import Settings

#: `Retry-After` of a full storage quota: it helps only once files are deleted.
BYTES_RETRY_SECONDS = 3600
#: Seconds for which a count of queued jobs is used.
COUNT_SECONDS = 1.0

# Built once, because building a statement takes longer than executing it.
_QUEUED = select(func.count()).where(QUEUED, Job.queue == bindparam("queue"))
_QUEUED_BY_OWNER = select(func.count()).where(QUEUED, Job.owner == bindparam("owner"))
_LOCKED_OWNER = (
    select(Owner.name).where(Owner.name == bindparam("owner")).with_for_update(key_share=True)
)


class QueueCounts:
    """Numbers of queued jobs of each queue, as last counted by this process.

    Counting takes longer with every queued job. A count is used for `COUNT_SECONDS`, as long as the
    jobs that this process has added since fill no more than half of the queue: the other half is left
    for other processes.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        #: Queue → time of the count, and the number of jobs then, with those added since.
        self._counts: dict[str, tuple[float, int]] = {}

    def have_room(self, queue: str, jobs: int, limit: int) -> bool:
        """Whether `jobs` more jobs certainly fit, which are then added; False if it must be counted."""
        with self._lock:
            counted_at, number = self._counts.get(queue, (float("-inf"), 0))
            is_new = time.monotonic() - counted_at < COUNT_SECONDS
            if is_new and number + jobs <= limit // 2:
                self._counts[queue] = counted_at, number + jobs
                return True
            return False

    def set(self, queue: str, number: int) -> None:
        """Remember the number of jobs that was just counted, new ones included."""
        with self._lock:
            self._counts[queue] = time.monotonic(), number


def check_quotas(
    session: Session,
    settings: Settings,
    owner: str,
    queue: str,
    *,
    jobs: int,
    files: Mapping[str, int],
    counts: QueueCounts,
    lock: bool = False,
) -> None:
    """Check that `jobs` more jobs and `files` (SHA-256 → bytes) fit into the quotas.

    With `lock`, other submits of this owner wait until the transaction ends, so that the owner's quotas
    are exact. Concurrent submits may exceed the limit of the whole queue by a few jobs; the queue is
    not counted if `counts` says that there is room. Raises `OverLimitError` and `QueueFullError`, and
    `InvalidParamsError` for more jobs than a limit allows.
    """
    max_queued = settings.max_queued_per_owner
    if max_queued:
        if lock:
            _lock_owner(session, owner)
        _check_fits(jobs, max_queued)
        queued = session.scalar(_QUEUED_BY_OWNER, {"owner": owner}) or 0
        if queued + jobs > max_queued:
            raise OverLimitError(
                f"You have {queued} queued jobs, and {max_queued} are allowed: wait for some to start, "
                "or cancel some."
            )
    if settings.max_queued:
        _check_fits(jobs, settings.max_queued)
        if not counts.have_room(queue, jobs, settings.max_queued):
            queued = session.scalar(_QUEUED, {"queue": queue}) or 0
            if queued + jobs > settings.max_queued:
                raise QueueFullError(
                    f"The queue is full ({settings.max_queued} jobs); try again later."
                )
            counts.set(queue, queued + jobs)
    check_storage_quota(session, owner, settings.max_mb_per_owner, files, lock=lock)


def check_storage_quota(
    session: Session, owner: str, max_mb: int, files: Mapping[str, int], *, lock: bool = False
) -> None:
    """Check that `files` (SHA-256 → bytes) fit into the storage quota; 0 MB is no limit.

    `lock` is as in `check_quotas`; it also adds the files to the owner's storage usage, so that the
    transaction must store them. Raises `OverLimitError`.
    """
    if not max_mb:
        return
    if lock:
        _lock_owner(session, owner)
    usage = usage_of(session, owner)
    known = set(session.scalars(select(Blob.sha256).where(Blob.sha256.in_(files), belongs_to(owner))))
    added = sum(size for sha256, size in files.items() if sha256 not in known)
    if added and usage.size + added > max_mb * 1_000_000:
        raise OverLimitError(
            f"Your files use {usage.size / 1e6:.1f} MB of {max_mb} MB; delete some.",
            retry_after=BYTES_RETRY_SECONDS,
        )
    if lock:
        save_usage(session, owner, usage, added=added)


def _lock_owner(session: Session, owner: str) -> None:
    # A transaction on SQLite that writes is the only one.
    if dialect_name(session) != "sqlite":
        session.execute(_LOCKED_OWNER, {"owner": owner})


def _check_fits(jobs: int, limit: int) -> None:
    if jobs > limit:
        detail = f"This request has {jobs} jobs; at most {limit} may be queued."
        raise InvalidParamsError([("content", detail)])
