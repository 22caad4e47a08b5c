"""The maintenance loop: publishes tokens, reaps stalled jobs, sweeps what has expired.

A plain loop and not Celery beat, because it must work while the broker is down. Several loops may run
at once: every step is guarded, or harmless when done twice.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from jobs.blobs.storage import BlobStorage
from jobs.db.engine import SessionFactory
from jobs.db.models.jobs import Job
from jobs.logs import log_context
from jobs.operations import retention
from jobs.operations.unlisted_blobs import UnlistedSweep
from jobs.queue import lifecycle, outbox
from jobs.queue.broker import Broker
from jobs.queue.lifecycle import JobStatus
from jobs.settings import Settings

#: Longest pause in seconds between two checks for jobs past their `cancel_at`.
OVERDUE_SECONDS = 2.0
#: Longest pause in seconds between two looks for deletions that the store has not confirmed.
DELETIONS_SECONDS = 60.0

#: Interval in seconds in which old pixels of photos are deleted.
DECODED_PHOTOS_SECONDS = 60.0

#: Seconds between two runs of a step, and the step.
Step = tuple[float, Callable[[], object]]

log = logging.getLogger(__name__)


class Maintenance:
    """The maintenance loop. `stop` may be set from a signal handler or another thread."""

    def __init__(
        self, settings: Settings, sessions: SessionFactory, storage: BlobStorage, broker: Broker
    ) -> None:
        self._settings = settings
        self._sessions = sessions
        self._storage = storage
        self._broker = broker
        self._unlisted = UnlistedSweep(sessions, storage)
        self._decoded_photos = settings.decoded_photos()
        self.stop = threading.Event()

    def run(self) -> None:
        """Run until `stop` is set. A database error is logged, and the step is tried again later.

        Steps that need the broker, and those that need the file store, have a thread each: while one of
        these is slow or hangs, stalled jobs are taken back in time. Each round of the steps that need
        only the database touches the file `settings.pulse`.
        """
        settings = self._settings
        settings.pulse.parent.mkdir(parents=True, exist_ok=True)
        of_broker: list[Step] = [
            (settings.dispatch_seconds, self.dispatch),
            (settings.renotify_seconds, self.renotify),
        ]
        of_storage: list[Step] = [
            (settings.sweep_seconds, self.sweep),
            (min(settings.sweep_seconds, DELETIONS_SECONDS), self.finish_deletions),
            (DECODED_PHOTOS_SECONDS, self.sweep_decoded_photos),
        ]
        for name, steps in (("broker", of_broker), ("storage", of_storage)):
            # A daemon: a step that hangs does not hold up the end of the process, and harms nothing.
            threading.Thread(target=self._repeat, args=(steps,), name=name, daemon=True).start()
        of_database: list[Step] = [
            (settings.reap_seconds, self.reap),
            (min(settings.reap_seconds, OVERDUE_SECONDS), self.cancel_overdue),
        ]
        self._repeat(of_database, after_round=settings.pulse.touch)

    def _repeat(self, steps: list[Step], after_round: Callable[[], None] = lambda: None) -> None:
        """Run each step in its interval until `stop` is set."""
        due = [0.0 for _ in steps]
        while not self.stop.is_set():
            for number, (seconds, task) in enumerate(steps):
                if time.monotonic() < due[number]:
                    continue
                due[number] = time.monotonic() + seconds
                try:
                    task()
                except SQLAlchemyError as error:
                    log.error("maintenance could not %s: %s", task.__name__, error)
            after_round()
            self.stop.wait(max(0.05, min(due) - time.monotonic()))

    def dispatch(self) -> int:
        """Publish tokens that are still in the outbox; returns their number."""
        return outbox.publish(self._sessions, self._broker)

    def reap(self) -> list[str]:
        """Take back jobs whose lease has expired; returns their ids."""
        with self._sessions.begin() as session:
            reaped = lifecycle.reap(session)
            for job_id, status in reaped:
                if status == JobStatus.QUEUED:
                    outbox.enqueue(session, job_id, session.get_one(Job, job_id).queue)
        for job_id, status in reaped:
            with log_context(job_id=job_id):
                log.warning("job %s had stalled; it is %s now", job_id, status)
        return [job_id for job_id, _ in reaped]

    def cancel_overdue(self) -> list[str]:
        """Cancel jobs past their `cancel_at`; returns their ids."""
        with self._sessions.begin() as session:
            overdue = lifecycle.cancel_overdue(session)
        for job_id, status in overdue:
            with log_context(job_id=job_id):
                log.info("job %s did not end in time; it is %s", job_id, status)
        return [job_id for job_id, _ in overdue]

    def renotify(self) -> int:
        """Send tokens again that the broker has lost; returns their number."""
        seconds = min(self._settings.renotify_seconds, 5.0)
        return outbox.renotify(self._sessions, self._broker, waiting_seconds=seconds)

    def sweep(self) -> int:
        """Delete expired rows and unreferenced blobs; returns the number of blobs deleted."""
        purged = retention.purge(self._sessions)
        seconds = self._settings.orphan_seconds
        swept = retention.sweep(self._sessions, self._storage, orphan_seconds=seconds)
        swept += self._unlisted.run(orphan_seconds=seconds)
        if purged or swept:
            log.info("deleted %d expired jobs and uploads, and %d blobs", purged, swept)
        return swept

    def finish_deletions(self) -> int:
        """Repeat deletions of blobs that the store has not confirmed; returns how many ended."""
        return retention.finish_deletions(self._sessions, self._storage)

    def sweep_decoded_photos(self) -> None:
        """Delete pixels of photos that no worker has taken."""
        self._decoded_photos.sweep()
