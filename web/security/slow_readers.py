"""Bounds of responses to clients that read slowly or not at all; gunicorn waits for them without end.

A response is sent in pieces, each only when the socket has room for it. A client that keeps a response
waiting needs a slot for slow requests, must read something every few seconds, and keep a lowest rate.
Otherwise its connection is reset.
"""

from __future__ import annotations

import errno
import logging
import select
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

from jobs.errors import BusyError
from web.security.concurrency import CALLER, ConcurrencyLimits

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: Bytes that are sent at once: less than the room in a socket that reports itself as writable.
PIECE_BYTES = 16_384
#: Size of the socket's buffer for responses of more than one piece; the system may allow less.
_BUFFER_BYTES = 1_000_000
#: Seconds for which one response may wait for its reader without a slot.
QUICK_SECONDS = 0.25
#: Seconds after which a reader who takes nothing is disconnected.
STALL_SECONDS = 10.0
#: Lowest rate of a slow reader in bytes a second, counted after the first seconds.
LOWEST_RATE, RATED_AFTER_SECONDS = 10_000.0, 30.0

log = logging.getLogger(__name__)


class SlowReaderLimits:
    """WSGI middleware around the application; `limits` gives the limits of the server's threads."""

    def __init__(self, app: WSGIApplication, limits: Callable[[], ConcurrencyLimits]) -> None:
        self._app = app
        self._limits = limits

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request; only gunicorn passes the socket."""
        body = self._app(environ, start_response)
        connection: socket.socket | None = environ.get("gunicorn.socket")
        if connection is None:
            return body
        return _Body(body, paced(body, connection, self._limits(), environ.get(CALLER, "")))


class _Body:
    """An iterator that closes the application's response at its end, as WSGI asks."""

    def __init__(self, body: Iterable[bytes], pieces: Iterator[bytes]) -> None:
        self._body = body
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def close(self) -> None:
        close: Callable[[], Any] | None = getattr(self._body, "close", None)
        if close is not None:
            close()


def paced(
    body: Iterable[bytes], connection: socket.socket, limits: ConcurrencyLimits, caller: str
) -> Iterator[bytes]:
    """The pieces of a response, each when the socket has room. Raises `ConnectionResetError`."""
    waited, sent = 0.0, 0
    seated_at: float | None = None
    with ExitStack() as held:
        for piece in _pieces(body, connection):
            if not _has_room(connection, 0):
                began = time.monotonic()
                if seated_at is None and waited < QUICK_SECONDS and limits.has_slow_slot(caller):
                    _has_room(connection, QUICK_SECONDS - waited)
                    waited += time.monotonic() - began
                if seated_at is None and not _has_room(connection, 0):
                    try:
                        held.enter_context(limits.slow_slot(caller))
                    except BusyError:
                        raise _reset(connection, "too many clients read slowly") from None
                    seated_at, sent = time.monotonic(), 0
                if not _has_room(connection, STALL_SECONDS):
                    raise _reset(connection, "the client reads nothing")
            if seated_at is not None:
                slow_for = time.monotonic() - seated_at
                if slow_for > RATED_AFTER_SECONDS and sent < LOWEST_RATE * slow_for:
                    raise _reset(connection, "the client reads too slowly")
            sent += len(piece)
            yield piece


def _pieces(body: Iterable[bytes], connection: socket.socket) -> Iterator[bytes]:
    for chunk in body:
        if len(chunk) > PIECE_BYTES:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
        for start in range(0, max(1, len(chunk)), PIECE_BYTES):
            yield chunk[start : start + PIECE_BYTES]


def _has_room(connection: socket.socket, seconds: float) -> bool:
    poll = select.poll()
    poll.register(connection, select.POLLOUT)
    return bool(poll.poll(seconds * 1000))


def _reset(connection: socket.socket, reason: str) -> ConnectionResetError:
    log.warning("a connection was closed: %s", reason)
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    # gunicorn closes the connection, and logs nothing more for this error.
    return ConnectionResetError(errno.ECONNRESET, reason)
