"""Presence heartbeat: a database row per worker process, so that operators see idle workers too."""

from __future__ import annotations

import logging
import os
import socket
import threading

from sqlalchemy.exc import SQLAlchemyError

from jobs.db.engine import SessionFactory
from jobs.queue import workers

log = logging.getLogger(__name__)


def process_name() -> str:
    """`host:pid`, the first part of this process's lease owner names."""
    return f"{socket.gethostname()}:{os.getpid()}"


class Presence:
    """A thread that refreshes the worker's row. Call `start` in the pool child, after the fork."""

    def __init__(self, sessions: SessionFactory, queues: list[str], seconds: float) -> None:
        self.name = process_name()
        self._sessions = sessions
        self._queues = queues
        self._seconds = seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)

    def start(self) -> None:
        """Add the worker's row and refresh it every `seconds`."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread and remove the worker's row."""
        self._stop.set()
        self._thread.join(timeout=5)
        try:
            with self._sessions.begin() as session:
                workers.unregister_worker(session, self.name)
        except SQLAlchemyError as error:
            log.warning("the presence of this worker was not removed: %s", error)

    def _run(self) -> None:
        while True:
            try:
                with self._sessions.begin() as session:
                    workers.register_worker(session, self.name, self._queues)
            except SQLAlchemyError as error:
                # Presence is only displayed; jobs are protected by their own leases.
                log.warning("the presence of this worker was not stored: %s", error)
            if self._stop.wait(self._seconds):
                return
