"""A fair (first in, first out) write lock for the SQLite connections of one process.

SQLite lets one connection write at a time; the others retry after pauses that grow to a tenth of a
second. A new waiter retries more often than an old one, so that under load some wait for seconds. This
lock removes that starvation between threads; between processes it remains.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import OperationalError

#: Key in the connection record's `info` that marks the holder of the lock.
_HOLDS = "atelier_write_lock"
#: A transaction that has had the lock for so many seconds is stuck: another process holds the database.
STUCK_SECONDS = 0.5


class FairWriteLock:
    """The write lock of one engine, held from the begin of a transaction until its connection is free.

    After `seconds` of waiting, a transaction begins without the lock; SQLite's own lock still applies.
    With `max_waiting`, only so many transactions wait for one that is stuck; the others fail at once,
    so that threads stay free, and so do those whose wait is over. They raise `OperationalError`.
    """

    def __init__(self, engine: Engine, *, seconds: float, max_waiting: int | None = None) -> None:
        self._seconds = seconds
        self._max_waiting = max_waiting
        self._taken_at = 0.0
        self._guard = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Event] = deque()
        event.listen(engine, "checkin", self._checked_in)

    def acquire(self, connection: Connection) -> None:
        """Wait for the lock. A connection that holds the lock keeps it."""
        holder = connection.connection.record_info
        if holder is not None and _HOLDS not in holder and self._wait():
            holder[_HOLDS] = True

    def waiting(self) -> int:
        """The number of transactions that wait for the lock."""
        with self._guard:
            return len(self._waiting)

    def _wait(self) -> bool:
        with self._guard:
            if not self._taken:
                self._taken, self._taken_at = True, time.monotonic()
                return True
            if self._is_full(len(self._waiting)):
                raise _locked()
            granted = threading.Event()
            self._waiting.append(granted)
        quick = min(STUCK_SECONDS, self._seconds)
        if granted.wait(quick):
            return True
        with self._guard:
            if not granted.is_set() and self._is_full(self._waiting.index(granted)):
                self._waiting.remove(granted)
                raise _locked()
        if granted.wait(self._seconds - quick):
            return True
        with self._guard:
            # The lock may have been granted since the timeout.
            if granted.is_set():
                return True
            self._waiting.remove(granted)
        if self._max_waiting is not None:
            raise _locked()
        return False

    def _is_full(self, place: int) -> bool:
        """Whether the transaction at this place of the queue must not wait."""
        if self._max_waiting is None or place < self._max_waiting:
            return False
        return time.monotonic() - self._taken_at >= STUCK_SECONDS

    def _checked_in(self, connection: object, record: Any) -> None:
        # The pool calls this after commit, rollback and errors: whenever a connection is free again.
        if not record.record_info.pop(_HOLDS, False):
            return
        with self._guard:
            self._taken_at = time.monotonic()
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._taken = False


def _locked() -> OperationalError:
    return OperationalError("BEGIN IMMEDIATE", None, sqlite3.OperationalError("database is locked"))
