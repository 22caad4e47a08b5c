"""A fair (first in, first out) write lock for the SQLite connections of one process.

SQLite lets one connection write at a time; the others retry after pauses that grow to a tenth of a
second. A new waiter retries more often than an old one, so that under load some wait for seconds. This
lock removes that starvation between threads; between processes it remains.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

from sqlalchemy import Connection, Engine, event

#: Key in the connection record's `info` that marks the holder of the lock.
_HOLDS = "atelier_write_lock"


class FairWriteLock:
    """The write lock of one engine, held from the begin of a transaction until its connection is free.

    After `seconds` of waiting, a transaction begins without the lock; SQLite's own lock still applies.
    """

    def __init__(self, engine: Engine, *, seconds: float) -> None:
        self._seconds = seconds
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
                self._taken = True
                return True
            granted = threading.Event()
            self._waiting.append(granted)
        if granted.wait(self._seconds):
            return True
        with self._guard:
            # The lock may have been granted since the timeout.
            if granted.is_set():
                return True
            self._waiting.remove(granted)
            return False

    def _checked_in(self, connection: object, record: Any) -> None:
        # The pool calls this after commit, rollback and errors: whenever a connection is free again.
        if not record.record_info.pop(_HOLDS, False):
            return
        with self._guard:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._taken = False
