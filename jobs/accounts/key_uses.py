"""Recorder of the last use of API keys, whose failures and delays do not affect the request.

On SQLite, where one writer holds up all others, uses are recorded in the background.
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError

from jobs.db.engine import SessionFactory, now
from jobs.db.models.owners import ApiKey

#: Shortest interval in seconds between two writes of `last_used_at`: most requests only read.
USE_INTERVAL_SECONDS = 60.0

log = logging.getLogger(__name__)


class KeyUses:
    """Writes `last_used_at` of keys. A write that fails is logged and left out."""

    def __init__(self, sessions: SessionFactory) -> None:
        self._sessions = sessions
        self._guard = threading.Lock()
        #: Monotonic time before which a key is not written again: one in work, or one that failed.
        self._not_before: dict[str, float] = {}
        self._pool: ThreadPoolExecutor | None = None
        self._last: Future[None] | None = None

    def record(self, key_id: str) -> None:
        """Record a use soon; not while one is being recorded, or soon after a failure."""
        with self._guard:
            at = time.monotonic()
            if at < self._not_before.get(key_id, 0.0):
                return
            self._not_before[key_id] = at + USE_INTERVAL_SECONDS
        if self._sessions.kw["bind"].dialect.name != "sqlite":
            self._write(key_id)  # waits for nobody but writers of the same key
            return
        with self._guard:
            # Started by the first use, which comes after gunicorn's fork.
            if self._pool is None:
                self._pool = ThreadPoolExecutor(1, thread_name_prefix="key-uses")
            self._last = self._pool.submit(self._write, key_id)

    def wait(self, seconds: float) -> None:
        """Wait until the uses so far are recorded."""
        if self._last is not None:
            self._last.result(seconds)

    def _write(self, key_id: str) -> None:
        try:
            with self._sessions.begin() as session:
                used = update(ApiKey).where(ApiKey.id == key_id).values(last_used_at=now(session))
                session.execute(used)
            with self._guard:
                self._not_before.pop(key_id, None)
        except SQLAlchemyError as error:
            log.warning("the use of key %s was not recorded: %s", key_id, error)
