"""Signals of changed jobs through a real Redis."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Collection, Iterator
from queue import SimpleQueue

import pytest
import redis
from support.patience import PATIENCE

from jobs.queue import change_signals
from jobs.queue.change_signals import ChangeReceiver, ChangeSender

pytestmark = pytest.mark.integration

Heard = SimpleQueue[Collection[str] | None]


@pytest.fixture(autouse=True)
def patient_sender(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine takes longer than a signal is worth waiting for; then none arrives."""
    monkeypatch.setattr(change_signals, "SEND_SECONDS", PATIENCE)


@pytest.fixture
def url(redis_port: int) -> str:
    return f"redis://127.0.0.1:{redis_port}/0"


@pytest.fixture
def sender(url: str) -> Iterator[ChangeSender]:
    sender = ChangeSender(url)
    yield sender
    sender.close()


@pytest.fixture
def receive(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], tuple[ChangeReceiver, Heard]]]:
    monkeypatch.setattr(change_signals, "RECEIVE_SECONDS", 0.05)
    monkeypatch.setattr(change_signals, "REST_SECONDS", 0.05)
    receivers = []

    def start(url: str) -> tuple[ChangeReceiver, Heard]:
        receiver, heard = ChangeReceiver(url), Heard()
        receivers.append(receiver)
        receiver.start(heard.put)
        return receiver, heard

    yield start
    for receiver in receivers:
        receiver.stop()


def test_signals_arrive(url: str, sender: ChangeSender, receive: Callable[..., object]) -> None:
    receiver, heard = receive(url)  # type: ignore[misc]
    assert heard.get(timeout=PATIENCE) is None  # earlier signals were missed
    assert receiver.connected
    sender.send({"one"})
    sender.send(["two", "three"])

    assert heard.get(timeout=PATIENCE) == ["one"]
    assert heard.get(timeout=PATIENCE) == ["two", "three"]
    receiver.stop()
    assert not receiver.connected


def test_after_a_lost_connection_signals_arrive_again(
    url: str, redis_port: int, sender: ChangeSender, receive: Callable[..., object]
) -> None:
    _, heard = receive(url)  # type: ignore[misc]
    assert heard.get(timeout=PATIENCE) is None
    sender.send({"one"})
    assert heard.get(timeout=PATIENCE) == ["one"]
    with redis.Redis(port=redis_port) as client:
        client.execute_command("CLIENT", "KILL", "SKIPME", "yes")

    assert heard.get(timeout=PATIENCE) is None  # signals may have been missed
    arrived, deadline = False, time.monotonic() + PATIENCE
    while not arrived and time.monotonic() < deadline:
        sender.send({"two"})  # at first on a connection that Redis has closed
        time.sleep(0.02)
        arrived = any(heard.get() == ["two"] for _ in range(heard.qsize()))
    assert arrived


def test_without_redis_nothing_is_raised(receive: Callable[..., object]) -> None:
    away = "redis://127.0.0.1:1/0"
    receiver, heard = receive(away)  # type: ignore[misc]
    sender = ChangeSender(away)
    sender.send({"one"})
    sender.send({"two"})

    assert heard.get(timeout=PATIENCE) is None
    assert not receiver.connected


@pytest.mark.parametrize("broker", ["amqp://localhost", "sentinel://localhost"])
def test_other_brokers_have_no_signals(broker: str, receive: Callable[..., object]) -> None:
    receiver, heard = receive(broker)  # type: ignore[misc]
    ChangeSender(broker).send({"one"})

    assert not receiver.connected
    assert heard.empty()


@pytest.mark.parametrize("required", ["CERT_NONE", "none"])
def test_names_of_certificate_checks_as_celery_takes_them(required: str) -> None:
    client = change_signals._client(f"rediss://localhost/0?ssl_cert_reqs={required}")

    assert client is not None
    assert client.connection_pool.make_connection().cert_reqs == ssl.CERT_NONE
