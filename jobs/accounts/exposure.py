"""Whether API keys are required, decided by the addresses on which the web server listens."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable

from jobs.settings import KeysSetting


class ExposedError(Exception):
    """The web server is reachable from other machines without keys. The text says what to do."""


def is_loopback(host: str) -> bool:
    """Whether `host` is an address that only this machine can reach.

    False for a Unix socket: it serves a proxy, which forwards requests of other machines.
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def keys_required(setting: KeysSetting, hosts: Iterable[str]) -> bool:
    """Whether requests need a key: with `auto`, if other machines can reach one of the hosts."""
    if setting == "auto":
        return not all(is_loopback(host) for host in hosts)
    return setting == "on"


def refuse_exposure(
    setting: KeysSetting, hosts: Iterable[str], *, any_keys: Callable[[], bool]
) -> None:
    """Raise `ExposedError` if `setting` is `auto`, a host is not loopback, and no key exists."""
    open_hosts = sorted({host for host in hosts if not is_loopback(host)})
    if setting == "auto" and open_hosts and not any_keys():
        raise ExposedError(
            f"Other machines can reach {', '.join(open_hosts)} and there is no API key yet: create one "
            "with `atelier keys create`, listen on 127.0.0.1, or set API_KEYS=off to allow everybody."
        )
