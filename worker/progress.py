"""Tells clients how far a long job is, and the job what its owner and its worker want."""

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

#: How often requests are asked after, and how often progress is written, in seconds.
_SECONDS = 1.0


class Teller:
    """For one run. Its methods may be called after every step, from any one thread at a time."""

    def __init__(self, context: WorkerContext, lease: Lease) -> None:
        self._context = context
        self._lease = lease
        self._looked = self._written = 0.0

    def look(self) -> None:
        """Prolong the lease now and then. Raises what ends the run: a cancel, a drain, a lost lease."""
        if time.monotonic() - self._looked < _SECONDS:
            return
        self._looked = time.monotonic()
        self._lease.pulse()
        if self._lease.draining:
            raise DrainedError

    def progress(self, shown: dict[str, Any], losses: Mapping[str, float] | None = None) -> None:
        """Store progress (`stage`, `step`, `total` and more) now and then, and at the last step."""
        last = shown["step"] == shown["total"]
        if time.monotonic() - self._written < _SECONDS and not last:
            return
        self._written = time.monotonic()
        try:
            with self._context.sessions.begin() as session:
                lifecycle.report_progress(session, self._lease.run, shown)
                if losses is not None:
                    record.save_losses(session, self._lease.run, shown["step"], losses)
        except SQLAlchemyError as error:
            # Progress is for the eye; the lease alone decides whether the run may go on.
            log.warning("progress of %s was not stored: %s", self._lease.run.job_id, error)

    def preview(self, picture: Picture, step: int, *, only: bool = False) -> None:
        """Keep a preview as a sample, in the place of all earlier ones if `only`."""
        from nst_core.images.picture import encode_picture

        data = encode_picture(picture, "jpeg", 85)
        info = PictureInfo(media_type="image/jpeg", width=picture.width, height=picture.height)
        try:
            sha256 = store_blob(self._context.sessions, self._context.storage, data, info)
            with self._context.sessions.begin() as session:
                record.save_sample(session, self._lease.run, step, sha256, only=only)
        except (SQLAlchemyError, JobsError) as error:
            log.warning("a preview of %s was not stored: %s", self._lease.run.job_id, error)
