"""Calls to the broker within requests: bounded in time, and left out while the broker is slow."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy.exc import SQLAlchemyError

#: Longest time in seconds that a request waits for the broker.
WAIT_SECONDS = 1.0
#: Seconds without calls after one that failed or took too long. Maintenance sends the tokens meanwhile.
REST_SECONDS = 5.0

log = logging.getLogger(__name__)


class BrokerCalls:
    """Runs calls in a few threads; a request does not wait for a call that takes too long."""

    def __init__(self, threads: int = 4) -> None:
        self._threads = threads
        self._guard = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._rests_until = 0.0

    def run(self, call: Callable[[], bool]) -> None:
        """Run `call`, which tells whether the broker answered; waits for `WAIT_SECONDS` at most.

        Whatever fails is logged: what the call was for is committed already, and the outbox has it.
        """
        if time.monotonic() < self._rests_until:
            return
        try:
            answered = self._executor().submit(call).result(WAIT_SECONDS)
        except TimeoutError:
            log.warning("the broker is slow; maintenance sends the tokens for %g s", REST_SECONDS)
            answered = False
        except SQLAlchemyError as error:
            log.warning("tokens were not sent, the database failed: %s", error)
            return
        if not answered:
            self._rests_until = time.monotonic() + REST_SECONDS

    def _executor(self) -> ThreadPoolExecutor:
        # Started by the first call, which comes after gunicorn's fork.
        with self._guard:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="broker")
            return self._pool
