"""Who of one process may write to SQLite next: whoever waited longest.

SQLite lets one connection write at a time, and the others look again after pauses that grow to a tenth
of a second. Whoever comes fresh looks more often than whoever has waited long, so that under load a few
wait for seconds. Between processes that is still so.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

from sqlalchemy import Connection, Engine, event

_HOLDS = "atelier_holds_the_turn"


class FairWriteLock:
    """The turn of one engine, held from the beginning of a transaction until its connection is free.

    A transaction begins after `seconds` without its turn; SQLite then waits, or says no.
    """

    def __init__(self, engine: Engine, *, seconds: float) -> None:
        self._seconds = seconds
        self._guard = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Event] = deque()
        event.listen(engine, "checkin", self._checked_in)

    def begin(self, connection: Connection) -> None:
        """Wait for the turn. A connection that has it keeps it."""
        holder = connection.connection.record_info
        if holder is not None and _HOLDS not in holder and self._take():
            holder[_HOLDS] = True

    def _take(self) -> bool:
        with self._guard:
            if not self._taken:
                self._taken = True
                return True
            mine = threading.Event()
            self._waiting.append(mine)
        if mine.wait(self._seconds):
            return True
        with self._guard:
            # It may have been handed over since.
            if mine.is_set():
                return True
            self._waiting.remove(mine)
            return False

    def _checked_in(self, connection: object, record: Any) -> None:
        # The pool says so after commit, rollback, and whatever else ends the use of a connection.
        if not record.record_info.pop(_HOLDS, False):
            return
        with self._guard:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._taken = False
