"""gunicorn's threaded worker without its waits for clients that send or close slowly.

gunicorn waits 5 s in a thread of its pool for the first byte of a new connection, and 2 s in its only
accepting thread for a client that does not close a finished connection. A few such clients stop it.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from selectors import EVENT_READ
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

#: Connections that may linger at once until their clients close them; further ones are closed at once.
MAX_LINGERING = 16


class Worker(ThreadWorker):  # type: ignore[misc]
    """Connections without data wait in the poller; finished ones linger in threads of their own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lingering = threading.BoundedSemaphore(MAX_LINGERING)
        self._closers: ThreadPoolExecutor | None = None

    def enqueue_req(self, conn: Any) -> None:
        """Submit a connection to the thread pool once it has data to read."""
        if conn.initialized or conn.data_ready:
            super().enqueue_req(conn)
            return
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + self.cfg.keepalive
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Close a finished connection, or keep it for the next request."""
        if fs.cancelled() or fs.exception() is not None or fs.result():
            super().finish_request(conn, fs)
            return
        self.nr_conns -= 1
        if self._closers is None:
            self._closers = ThreadPoolExecutor(4, thread_name_prefix="closer")
        if self._lingering.acquire(blocking=False):
            self._closers.submit(self._linger, conn)
        else:
            conn.close()

    def _linger(self, conn: Any) -> None:
        try:
            conn.close(graceful=True)
        finally:
            self._lingering.release()
