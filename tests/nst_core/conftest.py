from __future__ import annotations

import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from support.network_fixtures import folders, photo, seeded, untrained

from nst_core.networks.base import StyleNetwork
from nst_core.networks.registry import bundled_networks, open_network

__all__ = ["folders", "photo", "seeded", "untrained"]


@pytest.fixture(scope="session")
def slim() -> StyleNetwork:
    """The bundled slim network."""
    if "slim" not in bundled_networks():
        pytest.skip("nst_core/weights/slim.safetensors is not there")
    return open_network("slim")


@contextmanager
def _no_room() -> Iterator[None]:
    """No file of this process may grow beyond 10 kB, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.fixture
def no_room() -> Callable[[], AbstractContextManager[None]]:
    """Fills the disk, for a `with` block."""
    return _no_room
