"""Progress reports of a long job, throttled, and checks for cancellation, drain and a lost lease."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

from jobs.blobs.rows import store_blob
from jobs.errors import JobsError
from jobs.media.pictures import PictureInfo
from jobs.queue import lifecycle
from jobs.trainings import record
from worker.lease import DrainedError

if TYPE_CHECKING:
    from nst_core.images.picture import Picture
    from worker.context import WorkerContext
    from worker.lease import Lease

log = logging.getLogger(__name__)

#: Least time between two checks of the lease, and between two writes of progress, in seconds.
INTERVAL_SECONDS = 1.0


class ProgressReporter:
    """Progress and lease of one run. Its methods are called after every step, by one thread at a time.

    With `max_writes`, the interval between writes of progress grows with the time that the run takes,
    so that a run of days makes about that many writes.
    """

    def __init__(self, context: WorkerContext, lease: Lease, *, max_writes: int | None = None) -> None:
        self._context = context
        self._lease = lease
        self._max_writes = max_writes
        self._started = time.monotonic()
        self._last_check = self._last_write = 0.0

    def check_lease(self) -> None:
        """Prolong the lease, at most once per interval. Raises the reason to stop: a cancellation, a
        drain or a lost lease.
        """
        if time.monotonic() - self._last_check < INTERVAL_SECONDS:
            return
        self._last_check = time.monotonic()
        self._lease.pulse()
        if self._lease.draining:
            raise DrainedError

    def report(self, progress: dict[str, Any], losses: Mapping[str, float] | None = None) -> None:
        """Store progress (`stage`, `step`, `total` and more), at most once per interval.

        The last step is always stored.
        """
        is_last = progress["step"] == progress["total"]
        now, interval = time.monotonic(), INTERVAL_SECONDS
        if self._max_writes is not None:
            interval = max(interval, 4 * (now - self._started) / self._max_writes)
        if now - self._last_write < interval and not is_last:
            return
        self._last_write = time.monotonic()
        try:
            with self._context.sessions.begin() as session:
                lifecycle.report_progress(session, self._lease.run, progress)
                if losses is not None:
                    record.save_losses(session, self._lease.run, progress["step"], losses)
        except SQLAlchemyError as error:
            # Progress is only displayed; the lease alone decides whether the run may go on.
            log.warning("progress of %s was not stored: %s", self._lease.run.job_id, error)

    def store_preview(self, picture: Picture, step: int, *, only: bool = False) -> None:
        """Store a preview as a sample of the job; `only` replaces all earlier samples."""
        from nst_core.images.picture import encode_picture

        data = encode_picture(picture, "jpeg", 85)
        info = PictureInfo(media_type="image/jpeg", width=picture.width, height=picture.height)
        try:
            sha256 = store_blob(self._context.sessions, self._context.storage, data, info)
            with self._context.sessions.begin() as session:
                record.save_sample(session, self._lease.run, step, sha256, only=only)
        except (SQLAlchemyError, JobsError) as error:
            log.warning("a preview of %s was not stored: %s", self._lease.run.job_id, error)
