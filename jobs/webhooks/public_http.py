"""SSRF-safe POST to user-supplied URLs: refuses non-public addresses, connects to a checked address.

A host name is resolved once, all its addresses are checked, and the connection goes to one of them. So
a name that resolves differently after the check (DNS rebinding) has no effect.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

import httpcore

Address = IPv4Address | IPv6Address

_NAT64 = IPv6Network("64:ff9b::/96")
#: Special-purpose networks of the IANA registries that `ipaddress` of some Python versions lacks.
_NOT_PUBLIC = (
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv6Network("64:ff9b:1::/48"),
    IPv6Network("fec0::/10"),
)
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


def post(
    url: str, headers: dict[str, str], body: bytes, *, allow_private: bool, seconds: float = 10.0
) -> int:
    """POST once, without redirects and proxies; returns the status. The response body is not read.

    Takes at most `seconds` after the name is resolved. Raises `AddressRefusedError` or an error of
    httpcore.
    """
    backend = _CheckedBackend(allow_private, seconds)
    timeout = {"connect": 5.0, "read": 5.0, "write": 5.0, "pool": 5.0}
    with (
        httpcore.ConnectionPool(network_backend=backend, retries=0) as pool,
        pool.stream(
            "POST", url, headers=list(headers.items()), content=body, extensions={"timeout": timeout}
        ) as response,
    ):
        return response.status


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
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpcore.ConnectError("The name can't be resolved.") from error
        addresses = [str(entry[4][0]) for entry in found]
        if not self._allow_private and not all(_is_public_text(text) for text in addresses):
            raise AddressRefusedError
        stream = httpcore.SyncBackend().connect_tcp(addresses[0], port, timeout, local_address)
        return _DeadlineStream(stream, time.monotonic() + self._seconds)


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
