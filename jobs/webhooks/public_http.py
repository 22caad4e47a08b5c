"""SSRF-safe GET and POST of user-supplied URLs: only public addresses, checked before each connection.

A host name is resolved once, all its addresses are checked, and the connection goes to one of them. So
a name that resolves differently after the check (DNS rebinding) has no effect.
"""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import urlsplit

import httpcore

Address = IPv4Address | IPv6Address

#: Longest time in seconds that a name is looked up.
RESOLVE_SECONDS = 5.0
_NAT64 = IPv6Network("64:ff9b::/96")
#: Special-purpose networks of the IANA registries that `ipaddress` of some Python versions lacks.
_NOT_PUBLIC = (
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv6Network("64:ff9b:1::/48"),
    IPv6Network("fec0::/10"),
    IPv6Network("3fff::/20"),
)
#: Top-level names of local networks.
_LOCAL_SUFFIXES = ("localhost", "local", "internal", "localdomain")
#: Addresses in public ranges that cloud providers use for their own metadata services.
_METADATA = frozenset({IPv4Address("168.63.129.16")})


class AddressRefusedError(Exception):
    """The address is not public; this service calls public addresses only."""

    def __init__(self) -> None:
        super().__init__((type(self).__doc__ or "").strip())


def is_public(address: Address) -> bool:
    """Whether an address is public: not loopback, private, link-local, shared (CGNAT) or multicast.

    An IPv6 address that embeds an IPv4 address is judged by the IPv4 address.
    """
    embedded = _embedded_ipv4(address) if isinstance(address, IPv6Address) else None
    if embedded is not None:
        return is_public(embedded)
    if any(address in network for network in _NOT_PUBLIC):
        return False
    special = address.is_multicast or address.is_reserved or address.is_unspecified
    return address.is_global and not special and address not in _METADATA


def _embedded_ipv4(address: IPv6Address) -> IPv4Address | None:
    last = IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _NAT64 or (int(address) >> 32 == 0 and int(address) > 1):
        return last
    if address.teredo is not None:
        return address.teredo[1]
    return address.ipv4_mapped or address.sixtofour


def literal_address(host: str) -> Address | None:
    """The IP address that `host` denotes, also in short, octal or hexadecimal form; None for a name."""
    with suppress(ValueError):
        return ip_address(host.strip("[]").split("%")[0])
    with suppress(OSError):
        return IPv4Address(socket.inet_aton(host))
    return None


def url_problem(url: str, allow_private: bool) -> str | None:
    """What is wrong with a URL that a user supplies, in one sentence; None for a usable one."""
    if len(url) > 2000 or not url.isascii() or not url.isprintable() or " " in url:
        return "This is not a URL: at most 2000 characters of plain ASCII."
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "This is not a URL."
    if parts.scheme not in ({"https", "http"} if allow_private else {"https"}):
        return "The URL must start with https://."
    if not host or parts.username is not None or parts.password is not None:
        return "The URL needs a host, and must have no user name or password."
    if allow_private:
        return None
    literal = literal_address(host)
    is_local = host.rstrip(".").rpartition(".")[2] in _LOCAL_SUFFIXES
    if is_local or (literal is not None and not is_public(literal)):
        return "The URL must name a public address."
    return None


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """The answer to a GET: its status, and at most one byte more of its body than was asked for."""

    status: int
    body: bytes


def get(url: str, *, max_bytes: int, allow_private: bool, seconds: float = 20.0) -> Fetched:
    """GET once, without redirects, proxies and cookies.

    Reading stops after `max_bytes` + 1 bytes; the body of another status than 200 is not read. Takes at
    most `seconds` after the name is resolved, and `RESOLVE_SECONDS` before. Raises
    `AddressRefusedError` or an error of httpcore.
    """
    # No compression: the size of what is read is the size of the file.
    headers = {"accept-encoding": "identity", "user-agent": "Atelier/1", "accept": "*/*"}
    with _request("GET", url, headers, None, allow_private, seconds) as response:
        body = bytearray()
        if response.status == 200:
            for part in response.iter_stream():
                body += part
                if len(body) > max_bytes:
                    break
        return Fetched(status=response.status, body=bytes(body[: max_bytes + 1]))


def post(
    url: str, headers: dict[str, str], body: bytes, *, allow_private: bool, seconds: float = 10.0
) -> int:
    """POST once, without redirects and proxies; returns the status. The response body is not read.

    Takes at most `seconds` after the name is resolved, and `RESOLVE_SECONDS` before. Raises
    `AddressRefusedError` or an error of httpcore.
    """
    with _request("POST", url, headers, body, allow_private, seconds) as response:
        return response.status


@contextmanager
def _request(
    method: str,
    url: str,
    headers: dict[str, str],
    body: bytes | None,
    allow_private: bool,
    seconds: float,
) -> Iterator[httpcore.Response]:
    backend = _CheckedBackend(allow_private, seconds)
    timeout = {"connect": 5.0, "read": 5.0, "write": 5.0, "pool": 5.0}
    extensions = {"timeout": timeout}
    with (
        httpcore.ConnectionPool(network_backend=backend, retries=0) as pool,
        pool.stream(
            method, url, headers=list(headers.items()), content=body, extensions=extensions
        ) as response,
    ):
        yield response


class _CheckedBackend(httpcore.NetworkBackend):
    def __init__(self, allow_private: bool, seconds: float) -> None:
        self._allow_private = allow_private
        self._seconds = seconds

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = _resolve(host, port)
        if not self._allow_private and not all(_is_public_text(text) for text in addresses):
            raise AddressRefusedError
        stream = httpcore.SyncBackend().connect_tcp(addresses[0], port, timeout, local_address)
        return _DeadlineStream(stream, time.monotonic() + self._seconds)


def _resolve(host: str, port: int) -> list[str]:
    """The addresses of a host. Raises `httpcore.ConnectError`, also after `RESOLVE_SECONDS`.

    `getaddrinfo` takes no timeout, and the name server of a hostile name may be silent. So the call
    runs in a thread, which is abandoned after that time.
    """
    found: queue.SimpleQueue[list[Any] | OSError] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            found.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:  # UnicodeError: a label of over 63 characters
            found.put(OSError(str(error)))

    threading.Thread(target=look_up, name="resolve", daemon=True).start()
    try:
        answer = found.get(timeout=RESOLVE_SECONDS)
    except queue.Empty:
        raise httpcore.ConnectTimeout("The name server does not answer.") from None
    if isinstance(answer, OSError):
        raise httpcore.ConnectError("The name can't be resolved.") from answer
    return [str(entry[4][0]) for entry in answer]


def _is_public_text(text: str) -> bool:
    address = literal_address(text)
    return address is not None and is_public(address)


class _DeadlineStream(httpcore.NetworkStream):
    """Enforces a deadline for the whole exchange, against servers that respond byte by byte."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def _remaining(self, timeout: float | None) -> float:
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise httpcore.ReadTimeout("The response took too long.")
        return remaining if timeout is None else min(remaining, timeout)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._remaining(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._remaining(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, self._remaining(timeout))
        return _DeadlineStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
