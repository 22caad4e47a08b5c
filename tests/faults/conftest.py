from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import unavailable
from faults.fault_stack import EVERYTHING, FaultStack
from faults.load import Load
from faults.servers import CrashingPostgres, FailingProxy

MakeStack = Callable[..., FaultStack]


@pytest.fixture(scope="session")
def fault_jobs(request: pytest.FixtureRequest) -> int:
    """How many jobs the storm sends: `make faults JOBS=300`."""
    return int(request.config.getoption("fault_jobs"))


@pytest.fixture
def crashing_postgres() -> Iterator[CrashingPostgres]:
    try:
        server = CrashingPostgres()
    except Exception as error:
        unavailable("PostgreSQL", error)
    yield server
    server.cleanup()


@pytest.fixture
def failing_s3(s3_endpoint: str) -> Iterator[FailingProxy]:
    proxy = FailingProxy(s3_endpoint)
    yield proxy
    proxy.close()


@pytest.fixture
def make_stack(tmp_path: Path) -> Iterator[MakeStack]:
    """Starts a whole service: `make_stack(database_url, SETTING="value")`."""
    made: list[FaultStack] = []

    def make(database_url: str, **environment: str) -> FaultStack:
        stack = FaultStack(tmp_path, database_url, **environment)
        made.append(stack)
        stack.migrate()
        stack.start(*EVERYTHING)
        return stack

    yield make
    for stack in made:
        stack.stop()


@pytest.fixture
def make_load(picture: Callable[..., bytes]) -> Iterator[Callable[[FaultStack], Load]]:
    made: list[Load] = []

    def make(stack: FaultStack) -> Load:
        made.append(Load(stack.url, picture))
        return made[-1]

    yield make
    for load in made:
        load.close()


@pytest.fixture(scope="session")
def faketime() -> Path:
    """libfaketime, which moves the wall clock of one process."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not found:
        unavailable("libfaketime", FileNotFoundError("apt-get install faketime"))
    return found[0]
