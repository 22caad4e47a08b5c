"""One service for all tests of a module; what a test killed is started again for the next."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from support.databases import postgres_database
from support.service_stack import PROCESSES, Stack

from atelier import ApiError, Client


@pytest.fixture(scope="session")
def migrated_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with the schema, on SQLite, and the gallery, to be copied."""
    home = tmp_path_factory.mktemp("migrated")
    Stack(home).migrate()
    return home


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def service_database(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of the database of the module's service, empty for SQLite.

    A module overrides this fixture to run on SQLite alone.
    """
    if request.param == "sqlite":
        yield ""
        return
    with postgres_database(request.getfixturevalue("postgres_server")) as url:
        yield url


@pytest.fixture(scope="module")
def module_stack(
    service_database: str, migrated_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("stack"), service_database)
    if service_database:
        stack.migrate()
    else:
        stack.copy(migrated_home)
    yield stack
    stack.stop()


@pytest.fixture
def stack(module_stack: Stack) -> Iterator[Stack]:
    """The module's service with its usual processes, settings, and no job that waits or runs."""
    usual = dict(module_stack.environment)
    module_stack.run_only(*PROCESSES)
    yield module_stack
    module_stack.environment = usual
    with Client(module_stack.url) as client, suppress(ApiError):
        for status in ("queued", "running"):
            for job in client.all_jobs(status=status):
                client.cancel(job["id"])


@pytest.fixture
def api(stack: Stack) -> Iterator[Client]:
    with Client(stack.url) as client:
        yield client


@pytest.fixture
def photo(tmp_path: Path, picture: Callable[..., bytes], request: pytest.FixtureRequest) -> Path:
    """A photo of this test alone: the service would answer a job that it has done from its cache."""
    path = tmp_path / "photo.png"
    path.write_bytes(picture(96, 64, seed=zlib.crc32(request.node.nodeid.encode())))
    return path


@pytest.fixture
def painting(tmp_path: Path, picture: Callable[..., bytes]) -> Path:
    path = tmp_path / "painting.png"
    path.write_bytes(picture(64, 64, seed=1))
    return path
