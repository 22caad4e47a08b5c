"""Watcher of jobs: one thread of a process looks for changes, for all requests that wait.

A look is one statement for all jobs whose turn has come, so that a hundred waiting requests cost as
many statements as one.
"""

from __future__ import annotations

import threading
import time

from sqlalchemy import Engine

from jobs.queue.versions import JobVersion, read_version, read_versions

#: Pause in seconds between two looks at a job: at first, at most, and its growth from look to look. The
#: delay stays small beside the wait, and looks stay few.
FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 0.003, 0.2, 1.08
#: Looks that are due within so many seconds are made together.
TOGETHER_SECONDS = 0.001
#: Seconds without a waiting request after which the thread ends.
IDLE_SECONDS = 10.0


class _Wait:
    """One waiting request. It is done when the job has ended, is gone, or is newer than `version`."""

    def __init__(self, job_id: str, version: int | None) -> None:
        self.job_id = job_id
        self.done = threading.Event()
        self.error: Exception | None = None
        self.due = time.monotonic()
        self._version = version
        self._pause = FIRST_PAUSE

    def see(self, found: JobVersion | None) -> None:
        if found is None or found.ended or self._version not in {None, found.version}:
            self.done.set()
        self.due = time.monotonic() + self._pause
        self._pause = min(self._pause * GROWTH, LONGEST_PAUSE)

    def fail(self, error: Exception) -> None:
        self.error = error
        self.done.set()


class JobWatcher:
    """Waits for changes of jobs. `reader` is made by `jobs.db.engine.make_reader`."""

    def __init__(self, reader: Engine) -> None:
        self._reader = reader
        self._changed = threading.Condition()
        self._waits: set[_Wait] = set()
        self._running = False

    def wait(self, job_id: str, seconds: float, *, version: int | None = None) -> JobVersion | None:
        """Wait until a job has ended, is deleted, or is newer than `version`, or for `seconds`.

        Returns the job's version now, None if there is no such job. Raises the database's errors.
        """
        wait = _Wait(job_id, version)
        with self._changed:
            self._waits.add(wait)
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, name="job-watcher", daemon=True).start()
            self._changed.notify()
        try:
            wait.done.wait(seconds)
        finally:
            with self._changed:
                self._waits.discard(wait)
        if wait.error is not None:
            raise wait.error
        return read_version(self._reader, job_id)

    def _run(self) -> None:
        while (due := self._next()) is not None:
            try:
                found = read_versions(self._reader, {wait.job_id for wait in due})
            except Exception as error:  # each waiting request raises the error, and answers it
                for wait in due:
                    wait.fail(error)
            else:
                for wait in due:
                    wait.see(found.get(wait.job_id))

    def _next(self) -> list[_Wait] | None:
        """Wait for the next look; returns its requests, or None when the thread must end."""
        with self._changed:
            while True:
                waits = [wait for wait in self._waits if not wait.done.is_set()]
                if not waits:
                    if not self._changed.wait(IDLE_SECONDS) and not self._waits:
                        self._running = False
                        return None
                    continue
                pause = min(wait.due for wait in waits) - time.monotonic()
                if pause <= 0:
                    at = time.monotonic() + TOGETHER_SECONDS
                    return [wait for wait in waits if wait.due <= at]
                self._changed.wait(pause)
