"""Who may call without a key. Decided by where the web server listens, never by a guess."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable

from jobs.settings import KeysSetting


class ExposedError(Exception):
    """The web server would serve strangers without asking for a key. The text says what to do."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens at `host`.

    A Unix socket is not: it is there for a proxy, which lets others in.
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def keys_required(setting: KeysSetting, hosts: Iterable[str]) -> bool:
    """Whether requests need a key: as the setting says, or wherever others can reach us."""
    if setting == "auto":
        return not all(is_loopback(host) for host in hosts)
    return setting == "on"


def refuse_exposure(
    setting: KeysSetting, hosts: Iterable[str], *, any_keys: Callable[[], bool]
) -> None:
    """Raise `ExposedError` where keys are needed, there is none yet, and nobody said that is meant."""
    open_hosts = sorted({host for host in hosts if not is_loopback(host)})
    if setting == "auto" and open_hosts and not any_keys():
        raise ExposedError(
            f"Others can reach {', '.join(open_hosts)} and there is no API key yet: make one with "
            "`atelier keys create`, or listen on 127.0.0.1, or set API_KEYS=off to let everybody in."
        )
