"""Says in SQL, again and again, that this worker is there, so that an operator sees idle ones too."""

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
    """`host:pid`: what the leases of this process begin with."""
    return f"{socket.gethostname()}:{os.getpid()}"


class Presence:
    """A thread of a worker process; `start` it there, after the fork."""

    def __init__(self, sessions: SessionFactory, queues: list[str], seconds: float) -> None:
        self.name = process_name()
        self._sessions = sessions
        self._queues = queues
        self._seconds = seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)

    def start(self) -> None:
        """Appear, and stay."""
        self._thread.start()

    def stop(self) -> None:
        """Leave."""
        self._stop.set()
        self._thread.join(timeout=5)
        try:
            with self._sessions.begin() as session:
                workers.unregister_worker(session, self.name)
        except SQLAlchemyError as error:
            log.warning("that this worker stops was not written: %s", error)

    def _run(self) -> None:
        while True:
            try:
                with self._sessions.begin() as session:
                    workers.register_worker(session, self.name, self._queues)
            except SQLAlchemyError as error:
                # It is for the eye alone: jobs have leases of their own.
                log.warning("that this worker is there was not written: %s", error)
            if self._stop.wait(self._seconds):
                return
