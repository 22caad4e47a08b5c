from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import httpcore
import pytest
from support.patience import PATIENCE
from support.receiver import Receiver

from jobs.webhooks.public_http import AddressRefusedError, is_public, literal_address, post

PRIVATE = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.8.9.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2002:a00:1::",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "3fff::1",
    "ff02::1",
    "ff0e::1",
    "2001:db8::1",
    "100::1",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "93.184.215.14",
    "100.63.255.255",
    "100.128.0.1",
    "172.15.0.1",
    "172.32.0.1",
    "2606:4700:4700::1111",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2002:808:808::",
]


@pytest.mark.parametrize("text", PRIVATE)
def test_private_addresses(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize(
    "text", ["127.1", "0x7f000001", "2130706433", "0177.0.0.1", "[::1]", "fe80::1%eth0"]
)
def test_every_spelling_of_an_address_is_read(text: str) -> None:
    address = literal_address(text)

    assert address is not None
    assert not is_public(address)


def test_a_name_is_no_address() -> None:
    assert literal_address("example.com") is None


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Names resolve to one answer after the other, the last for ever; the list keeps what was asked."""
    asked: list[str] = []

    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        addresses = answers[min(len(asked), len(answers)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (text, port)) for text in addresses]

    monkeypatch.setattr("jobs.webhooks.public_http.socket.getaddrinfo", resolve)
    return asked


def test_a_post_arrives_where_private_addresses_are_allowed(receiver: Receiver) -> None:
    assert post(receiver.url, {"x-a": "b"}, b"body", allow_private=True) == 200

    path, headers, body = receiver.requests[0]
    assert (path, headers["x-a"], body) == ("/hook", "b", b"body")


def test_a_private_address_is_not_called(receiver: Receiver) -> None:
    with pytest.raises(AddressRefusedError):
        post(receiver.url, {}, b"", allow_private=False)

    assert receiver.requests == []


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["93.184.215.14", "127.0.0.1"], ["169.254.169.254"]]
)
def test_a_name_with_a_private_address_is_not_called(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    resolving(monkeypatch, addresses)

    with pytest.raises(AddressRefusedError):
        post(f"http://rebind.example:{receiver.port}/hook", {}, b"", allow_private=False)

    assert receiver.requests == []


def test_the_address_that_was_checked_is_the_one_that_is_called(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that is public when it is checked and private a moment later."""
    asked = resolving(monkeypatch, ["93.184.215.14"], ["127.0.0.1"])
    called: list[str] = []

    def connect(self: object, host: str, port: int, *_: Any) -> Any:
        called.append(host)
        raise httpcore.ConnectError

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    with pytest.raises(httpcore.ConnectError):
        post(f"http://rebind.example:{receiver.port}/hook", {}, b"", allow_private=False)

    assert asked == ["rebind.example"]
    assert called == ["93.184.215.14"]
    assert receiver.requests == []


def test_a_silent_name_server_is_not_waited_for(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = threading.Event()

    def resolve(*_: object, **__: object) -> list[Any]:
        answered.wait(PATIENCE)
        return []

    monkeypatch.setattr("jobs.webhooks.public_http.socket.getaddrinfo", resolve)
    monkeypatch.setattr("jobs.webhooks.public_http.RESOLVE_SECONDS", 0.1)
    try:
        with pytest.raises(httpcore.ConnectTimeout):
            post(f"http://silent.example:{receiver.port}/hook", {}, b"", allow_private=True)
        assert not answered.is_set()
    finally:
        answered.set()


def test_redirects_are_not_followed(receiver: Receiver) -> None:
    receiver.status, receiver.location = 307, f"http://127.0.0.1:{receiver.port}/elsewhere"

    assert post(receiver.url, {}, b"", allow_private=True) == 307
    assert [path for path, _, _ in receiver.requests] == ["/hook"]


def test_an_answer_in_drops_is_cut_off(receiver: Receiver) -> None:
    receiver.slow = 0.05  # ten seconds in all

    with pytest.raises(httpcore.ReadTimeout):
        post(receiver.url, {}, b"", allow_private=True, seconds=1.0)
