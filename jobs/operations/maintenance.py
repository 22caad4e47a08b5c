"""The service's housekeeping: publish waiting tokens, take back stalled jobs, wake sleeping workers.

A plain loop and not a Celery beat, because it must work while the broker is away. Several may run at
once: everything they do is guarded or harmless when done twice.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from jobs.db.models.jobs import Job
from jobs.logs import log_context
from jobs.operations import retention
from jobs.queue import lifecycle, outbox
from jobs.queue.lifecycle import JobStatus
from jobs.service import JobService

#: How often jobs past their `cancel_at` are looked for, at the most, in seconds.
OVERDUE_SECONDS = 2.0

log = logging.getLogger(__name__)


class Maintenance:
    """The loop. `stop` may be set from a signal handler or another thread."""

    def __init__(self, service: JobService) -> None:
        self._service = service
        self.stop = threading.Event()

    def run(self) -> None:
        """Go on until `stop` is set. A failing database is logged and tried again.

        Each time round, the file `settings.pulse` is touched.
        """
        settings = self._service.settings
        settings.pulse.parent.mkdir(parents=True, exist_ok=True)
        tasks: list[tuple[float, Callable[[], object]]] = [
            (settings.dispatch_seconds, self.dispatch),
            (settings.reap_seconds, self.reap),
            (min(settings.reap_seconds, OVERDUE_SECONDS), self.cancel_overdue),
            (settings.renotify_seconds, self.renotify),
            (settings.sweep_seconds, self.sweep),
        ]
        due = [0.0 for _ in tasks]
        while not self.stop.is_set():
            for number, (seconds, task) in enumerate(tasks):
                if time.monotonic() < due[number]:
                    continue
                due[number] = time.monotonic() + seconds
                try:
                    task()
                except SQLAlchemyError as error:
                    log.error("maintenance could not %s: %s", task.__name__, error)
            settings.pulse.touch()
            self.stop.wait(max(0.05, min(due) - time.monotonic()))

    def dispatch(self) -> int:
        """Publish the tokens that the outbox still holds."""
        return outbox.publish(self._service.sessions, self._service.broker)

    def reap(self) -> list[str]:
        """Take back the jobs whose lease ran out; returns their ids."""
        with self._service.sessions.begin() as session:
            reaped = lifecycle.reap(session)
            for job_id, status in reaped:
                if status == JobStatus.QUEUED:
                    outbox.enqueue(session, job_id, session.get_one(Job, job_id).queue)
        for job_id, status in reaped:
            with log_context(job_id=job_id):
                log.warning("job %s had stalled; it is %s now", job_id, status)
        return [job_id for job_id, _ in reaped]

    def cancel_overdue(self) -> list[str]:
        """Cancel the jobs that were to be canceled by now; returns their ids."""
        with self._service.sessions.begin() as session:
            overdue = lifecycle.cancel_overdue(session)
        for job_id, status in overdue:
            with log_context(job_id=job_id):
                log.info("job %s did not end in time; it is %s", job_id, status)
        return [job_id for job_id, _ in overdue]

    def renotify(self) -> int:
        """Make up for tokens that the broker lost."""
        seconds = min(self._service.settings.renotify_seconds, 5.0)
        return outbox.renotify(self._service.sessions, self._service.broker, waiting_seconds=seconds)

    def sweep(self) -> int:
        """Delete what has expired, and bytes that nothing refers to; returns how many blobs went."""
        service = self._service
        purged = retention.purge(service.sessions)
        swept = retention.sweep(
            service.sessions, service.storage, orphan_seconds=service.settings.orphan_seconds
        )
        if purged or swept:
            log.info("%d jobs and uploads had expired, %d blobs were deleted", purged, swept)
        return swept
