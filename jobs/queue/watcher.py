"""Watcher of jobs: one thread of a process looks for changes, for all requests that wait.

A look is one statement for all jobs whose turn has come, so that a hundred waiting requests cost as
many statements as one. Signals of changes make a look due at once; without signals, looks are frequent.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from sqlalchemy import Engine

from jobs.queue.change_signals import ChangeReceiver
from jobs.queue.versions import JobVersion, read_version, read_versions

#: Pause in seconds between two looks at a job: at first, at most, and its growth from look to look. The
#: delay stays small beside the wait, and looks stay few.
FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 0.003, 0.2, 1.08
#: The same while changes are signaled: for a lost signal, and changes by others than workers.
SIGNALED_PAUSE = 0.1
#: Looks that are due within so many seconds are made together.
TOGETHER_SECONDS = 0.001
#: Seconds without a waiting request after which the thread ends.
IDLE_SECONDS = 10.0


class Wait:
    """One waiting request. It is done when the job has ended, is gone, or is newer than `version`."""

    def __init__(
        self, reader: Engine, job_id: str, version: int | None, *, signaled: bool = False
    ) -> None:
        self.job_id = job_id
        self.done = threading.Event()
        #: Whether the job may have changed since the look that is being made.
        self.may_have_changed = False
        self._reader = reader
        self._version = version
        self._pause = FIRST_PAUSE
        self._found: JobVersion | None = None
        self._error: Exception | None = None
        self.due = self._next_look(signaled=signaled)

    def see(self, found: JobVersion | None, *, signaled: bool) -> None:
        """Note what a look found. `signaled`: later changes are signaled."""
        if found is None or found.ended or self._version not in {None, found.version}:
            self._found = found
            self.done.set()
        if not self.may_have_changed:
            self.due = self._next_look(signaled=signaled)

    def _next_look(self, *, signaled: bool) -> float:
        pause = SIGNALED_PAUSE if signaled else self._pause
        if not signaled:
            self._pause = min(self._pause * GROWTH, LONGEST_PAUSE)
        return time.monotonic() + pause

    def fail(self, error: Exception) -> None:
        """Note that a look failed."""
        self._error = error
        self.done.set()

    def result(self, seconds: float) -> JobVersion | None:
        """Wait; returns the job's version now, None if there is no such job.

        Raises the database's errors.
        """
        if not self.done.wait(seconds):
            return read_version(self._reader, self.job_id)
        if self._error is not None:
            raise self._error
        return self._found


class JobWatcher:
    """Waits for changes of jobs.

    `reader` is made by `jobs.db.engine.make_reader`; `receiver` receives signals of changes.
    """

    def __init__(self, reader: Engine, receiver: ChangeReceiver | None = None) -> None:
        self._reader = reader
        self._receiver = receiver
        self._changed = threading.Condition()
        self._waits: set[Wait] = set()
        self._running = False

    @contextmanager
    def waiting(self, job_id: str, *, version: int | None = None) -> Iterator[Wait]:
        """Wait for a job to end, to be deleted, or to become newer than `version`, see `Wait.result`.

        The caller looks at the job once within the context: an earlier change would not be noticed.
        """
        wait = Wait(self._reader, job_id, version, signaled=self._signaled())
        with self._changed:
            self._waits.add(wait)
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, name="job-watcher", daemon=True).start()
                if self._receiver is not None:
                    self._receiver.start(self.look_soon)
            self._changed.notify()
        try:
            yield wait
        finally:
            with self._changed:
                self._waits.discard(wait)

    def look_soon(self, job_ids: Collection[str] | None) -> None:
        """Look now at jobs that may have changed; None: at all."""
        with self._changed:
            waits = [wait for wait in self._waits if job_ids is None or wait.job_id in job_ids]
            for wait in waits:
                wait.may_have_changed = True
                wait.due = time.monotonic()
            if waits:
                self._changed.notify()

    def _run(self) -> None:
        while (due := self._next()) is not None:
            try:
                found = read_versions(self._reader, {wait.job_id for wait in due})
            except Exception as error:  # each waiting request raises the error, and answers it
                for wait in due:
                    wait.fail(error)
            else:
                signaled = self._signaled()
                with self._changed:
                    for wait in due:
                        wait.see(found.get(wait.job_id), signaled=signaled)

    def _next(self) -> list[Wait] | None:
        """Wait for the next look; returns its requests, or None when the thread must end."""
        with self._changed:
            while True:
                waits = [wait for wait in self._waits if not wait.done.is_set()]
                if not waits:
                    if not self._changed.wait(IDLE_SECONDS) and not self._waits:
                        self._running = False
                        if self._receiver is not None:
                            self._receiver.stop()
                        return None
                    continue
                pause = min(wait.due for wait in waits) - time.monotonic()
                if pause <= 0:
                    at = time.monotonic() + TOGETHER_SECONDS
                    due = [wait for wait in waits if wait.due <= at]
                    for wait in due:
                        wait.may_have_changed = False
                    return due
                self._changed.wait(pause)

    def _signaled(self) -> bool:
        return self._receiver is not None and self._receiver.connected
