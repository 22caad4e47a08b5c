"""Publisher of tokens: sends the tokens of committed jobs to the broker, in a thread or at once.

A web server answers a submit as soon as the job is committed. A broker that is slow or hangs then costs
no request any time.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from queue import Empty, SimpleQueue

from sqlalchemy.exc import SQLAlchemyError

from jobs.db.engine import SessionFactory
from jobs.queue import outbox
from jobs.queue.broker import Broker
from jobs.queue.outbox import Token

#: Longest time in seconds between the sending of a token and the deletion of its row. The rows of many
#: tokens are deleted in one transaction.
DELETE_SECONDS = 0.1
#: Largest number of rows that are deleted together.
MAX_DELETED = 200

log = logging.getLogger(__name__)


class TokenPublisher:
    """Sends tokens at once; the caller waits for a second at most."""

    def __init__(self, sessions: SessionFactory, broker: Broker) -> None:
        self._sessions = sessions
        self._broker = broker

    def publish(self, tokens: Sequence[Token]) -> None:
        """Send committed tokens. Maintenance sends those that can't be sent now."""
        outbox.send_in_request(self._sessions, self._broker, tokens)


class ThreadedPublisher(TokenPublisher):
    """Sends tokens in order, in a thread of its own, which starts with the first token."""

    def __init__(self, sessions: SessionFactory, broker: Broker) -> None:
        super().__init__(sessions, broker)
        #: Tokens to send; None ends the thread.
        self._tokens: SimpleQueue[Token | None] = SimpleQueue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def publish(self, tokens: Sequence[Token]) -> None:
        """Hand committed tokens to the thread."""
        for token in tokens:
            self._tokens.put(token)
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="token-publisher", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Send what was handed over, delete the rows, and end the thread."""
        if self._thread is not None:
            self._tokens.put(None)
            self._thread.join()

    def _run(self) -> None:
        sent: list[int] = []
        due = 0.0
        while True:
            try:
                token = self._tokens.get(timeout=max(0.0, due - time.monotonic()) if sent else None)
            except Empty:
                pass
            else:
                if token is None:
                    self._delete(sent)
                    return
                if self._broker.wake(token.queue, token.job_id):
                    due = due if sent else time.monotonic() + DELETE_SECONDS
                    sent.append(token.id)
                else:
                    self._discard()
            if sent and (time.monotonic() >= due or len(sent) >= MAX_DELETED):
                self._delete(sent)
                sent = []

    def _discard(self) -> None:
        # The broker is away: maintenance sends these, and all of them later than now.
        while not self._tokens.empty():
            if self._tokens.get() is None:
                self._tokens.put(None)
                return

    def _delete(self, sent: Sequence[int]) -> None:
        if not sent:
            return
        try:
            outbox.delete_sent(self._sessions, sent)
        except SQLAlchemyError as error:
            # Maintenance sends them once more, which is harmless, and deletes their rows.
            log.warning("rows of sent tokens could not be deleted: %s", error)
