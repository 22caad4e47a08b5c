from __future__ import annotations

from collections.abc import Iterator

import pytest

from jobs.db.schema import upgrade
from jobs.settings import Settings
from worker.context import WorkerContext


@pytest.fixture
def worker_settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={
            "lease_seconds": 2.0,
            "heartbeat_seconds": 0.1,
            "retry_seconds": 0.0,
            "runtime": "torch",
            "torch_threads": 1,
        }
    )


@pytest.fixture
def context(worker_settings: Settings) -> Iterator[WorkerContext]:
    """A worker on SQLite and local files, with no broker."""
    upgrade(worker_settings.database)
    context = WorkerContext(worker_settings)
    yield context
    context.close()
