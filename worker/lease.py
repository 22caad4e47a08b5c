"""The lease of a run: a heartbeat thread prolongs it, and `check` tells the run when to stop."""

from __future__ import annotations

import contextvars
import logging
import threading
import time
from types import TracebackType
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from jobs.db.engine import SessionFactory
from jobs.errors import JobCanceledError, LeaseLostError
from jobs.queue import lifecycle
from jobs.queue.lifecycle import Run
from worker.drain import Drain

log = logging.getLogger(__name__)

#: Least time in seconds between two writes of progress; each write is an event that clients receive.
PROGRESS_SECONDS = 0.2


class DeadlineError(Exception):
    """The run exceeded its time limit."""


class DrainedError(Exception):
    """The worker is about to stop, and the run goes back into the queue."""


class PausedError(Exception):
    """The run stopped because the job's owner paused the job."""


class Lease:
    """The lease of one run. A context manager around the work, which calls `check` between steps."""

    def __init__(
        self,
        sessions: SessionFactory,
        run: Run,
        *,
        lease_seconds: float,
        heartbeat_seconds: float,
        deadline_seconds: float,
        drain: Drain | None = None,
        drain_seconds: float = 0,
    ) -> None:
        self.run = run
        self._sessions = sessions
        self._lease_seconds = lease_seconds
        self._heartbeat_seconds = heartbeat_seconds
        self._deadline_seconds = deadline_seconds
        self._drain = drain
        self._drain_seconds = drain_seconds
        self._started = time.monotonic()
        self._renewed = self._started
        # Short jobs end before their first progress is stored.
        self._reported = self._started
        self._withheld: dict[str, Any] | None = None
        self._writing = threading.Lock()
        self._stop = threading.Event()
        self._lost = False
        self._canceled = False
        # In the run's logging context, so that log lines of the heartbeat name the job too.
        context = contextvars.copy_context()
        self._thread = threading.Thread(
            target=context.run, args=(self._beat,), name="heartbeat", daemon=True
        )

    def __enter__(self) -> Lease:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=5)

    def check(self) -> None:
        """Raise the reason why the run must stop, if there is one.

        `LeaseLostError`, `JobCanceledError`, `DeadlineError` or `DrainedError`.
        """
        if self._lost or time.monotonic() - self._renewed > self._lease_seconds:
            raise LeaseLostError
        if self._canceled:
            raise JobCanceledError
        if time.monotonic() - self._started > self._deadline_seconds:
            raise DeadlineError
        stopping = self._drain.seconds() if self._drain else None
        if stopping is not None and stopping > self._drain_seconds:
            raise DrainedError

    @property
    def draining(self) -> bool:
        """Whether the worker has begun to drain."""
        return self._drain is not None and self._drain.seconds() is not None

    def pulse(self) -> None:
        """Prolong the lease now and `check`, to see a cancellation before the next heartbeat."""
        self._renew()
        self.check()

    def report(self, stage: str, step: int, total: int) -> None:
        """Store progress, at most every `PROGRESS_SECONDS`, and `check`.

        Of the reports in the first `PROGRESS_SECONDS`, the heartbeat thread then stores the last one.
        """
        self.check()
        progress = {"stage": stage, "step": step, "total": total}
        if time.monotonic() - self._reported < PROGRESS_SECONDS and step < total:
            self._withheld = progress
            return
        with self._writing:
            self._reported = time.monotonic()
            self._withheld = None
            self._renew(progress)
        self.check()

    def _beat(self) -> None:
        if not self._stop.wait(min(PROGRESS_SECONDS, self._heartbeat_seconds)):
            self._store_withheld()
        # A run that does not stop after its deadline is stuck in native code and must lose its lease.
        while not self._stop.wait(self._heartbeat_seconds):
            if time.monotonic() - self._started > self._deadline_seconds + self._lease_seconds:
                return
            self._renew()

    def _store_withheld(self) -> None:
        # Locked, so that no older progress is stored after a newer one.
        with self._writing:
            progress, self._withheld = self._withheld, None
            if progress is not None:
                self._renew(progress)

    def _renew(self, progress: dict[str, Any] | None = None) -> None:
        before = time.monotonic()
        try:
            with self._sessions.begin() as session:
                canceled = lifecycle.heartbeat(session, self.run, self._lease_seconds)
                if progress is not None:
                    lifecycle.report_progress(session, self.run, progress)
        except LeaseLostError:
            self._lost = True
        except SQLAlchemyError as error:
            log.warning("the heartbeat of %s failed: %s", self.run.job_id, error)
        else:
            self._renewed = before
            self._canceled = self._canceled or canceled
