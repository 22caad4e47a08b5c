"""Ports for the servers that tests start."""

from __future__ import annotations

import os
import socket
from itertools import count

#: Below 32,768, where the ports begin that Linux gives to whoever asks for any port or calls a server.
_FIRST, _PORTS = 10_000, 22_000
#: Ports between the starts of two test processes whose ids follow each other.
_APART = 211
_numbers = count(os.getpid() * _APART)


def free_port() -> int:
    """A port of 127.0.0.1 that is free now, and that no other process is given by the system.

    A server takes seconds until it listens. Meanwhile the system may give a port of its own range to
    another process. Test processes take their ports from different parts of the range below it.
    """
    for number in _numbers:
        port = _FIRST + number % _PORTS
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError  # the numbers have no end
