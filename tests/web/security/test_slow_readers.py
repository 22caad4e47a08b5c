"""Clients that read an answer slowly or not at all, over real connections."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from web.security import slow_readers
from web.security.concurrency import ConcurrencyLimits
from web.security.slow_readers import paced

BODY = b"0123456789abcdef" * 1_000_000


@pytest.fixture
def connection() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The server's and the client's end of a connection whose client has a small buffer."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(listener.getsockname())
        server, _ = listener.accept()
        with server:
            yield server, client


@pytest.fixture
def limits() -> ConcurrencyLimits:
    return ConcurrencyLimits(4)


def send(server: socket.socket, limits: ConcurrencyLimits, body: bytes = BODY) -> int:
    """Send a body as gunicorn does; returns the bytes that were sent."""
    sent = 0
    with suppress(ConnectionResetError):
        for piece in paced([body], server, limits, "ada"):
            server.sendall(piece)
            sent += len(piece)
    return sent


def test_a_client_that_reads_gets_the_whole_body(
    connection: tuple[socket.socket, socket.socket], limits: ConcurrencyLimits
) -> None:
    server, client = connection
    received = bytearray()

    def read() -> None:
        while data := client.recv(65_536):
            received.extend(data)

    reader = threading.Thread(target=read)
    reader.start()
    assert send(server, limits) == len(BODY)
    server.shutdown(socket.SHUT_WR)
    reader.join(60)
    assert bytes(received) == BODY
    assert list(paced([b"", b"a"], server, limits, "ada")) == [b"", b"a"]


def test_a_client_that_reads_nothing_is_disconnected(
    connection: tuple[socket.socket, socket.socket],
    limits: ConcurrencyLimits,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slow_readers, "STALL_SECONDS", 0.3)
    assert send(connection[0], limits) < len(BODY)
    # The slot is free again.
    assert [limits.try_acquire() for _ in range(4)].count(True) == 3


def test_without_a_slot_a_slow_client_is_disconnected_at_once(
    connection: tuple[socket.socket, socket.socket],
    limits: ConcurrencyLimits,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slow_readers, "STALL_SECONDS", 3600.0)
    with ExitStack() as held:
        held.enter_context(limits.slow_slot("ada"))
        assert send(connection[0], limits) < len(BODY)


def test_a_client_that_reads_too_slowly_is_disconnected(
    connection: tuple[socket.socket, socket.socket],
    limits: ConcurrencyLimits,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server, client = connection
    monkeypatch.setattr(slow_readers, "LOWEST_RATE", 1e9)
    monkeypatch.setattr(slow_readers, "RATED_AFTER_SECONDS", 0.5)
    stop = threading.Event()

    def trickle() -> None:
        while not stop.wait(0.01):
            client.recv(2048)

    reader = threading.Thread(target=trickle)
    reader.start()
    try:
        assert send(server, limits) < len(BODY)
    finally:
        stop.set()
        reader.join(60)
