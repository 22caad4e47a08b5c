"""Pipeline of batches: while one is on the device, the next is read and the last is stored."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import wait as wait_for

from sqlalchemy.exc import SQLAlchemyError

from jobs.db.models.jobs import Job
from jobs.queue.lifecycle import Run
from worker.drain import Drain

log = logging.getLogger(__name__)

Claimed = list[tuple[Run, Job]]

#: Time in seconds after which no further batch is claimed for a token. It is below the time that Celery
#: gives a task beyond the time limit of a job.
TURN_SECONDS = 20.0
#: Batches at a time: one that is read, one on the device, one that is stored.
BATCHES = 3


class RunningBatch:
    """The jobs of a batch in their threads. `read` is set when their photos are read, or they ended."""

    def __init__(self, read: threading.Event, ends: Sequence[Future[None]]) -> None:
        self.read = read
        self._ends = ends

    def join(self) -> None:
        """Wait for all jobs. An error outside of the jobs is raised after all have ended."""
        wait_for(self._ends)
        for end in self._ends:
            end.result()


class BatchPipeline:
    """Claims the next batch when the photos of one are read, as long as jobs wait.

    So a job that is claimed ahead waits for the passes of two batches at most. No worker is idle then:
    it would have claimed the job, since the token of each job wakes one.
    """

    def __init__(
        self,
        drain: Drain,
        claim: Callable[[], Claimed],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._drain = drain
        self._claim = claim
        self._clock = clock
        self._until = clock() + TURN_SECONDS
        self._errors: list[Exception] = []

    def run(self, first: Claimed, start: Callable[[Claimed], RunningBatch]) -> None:
        """Run `first`, and what is claimed behind it, to the end."""
        running: deque[RunningBatch] = deque()
        claimed = first
        try:
            while claimed:
                running.append(start(claimed))
                running[-1].read.wait()
                if len(running) == BATCHES:
                    self._join(running.popleft())
                claimed = self._claim_next()
        finally:
            while running:
                self._join(running.popleft())
        if self._errors:
            raise self._errors[0]

    def _join(self, batch: RunningBatch) -> None:
        try:
            batch.join()
        except Exception as error:  # the other batches go on
            self._errors.append(error)

    def _claim_next(self) -> Claimed:
        if self._errors or self._drain.seconds() is not None or self._clock() >= self._until:
            return []
        try:
            return self._claim()
        except SQLAlchemyError as error:  # the jobs that run must go on
            log.warning("no jobs were claimed ahead: %s", error)
            return []
