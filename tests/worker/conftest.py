from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.db.engine import make_engine
from jobs.queue.broker import Broker, make_celery
from jobs.service import JobService
from jobs.settings import Settings
from worker.context import WorkerContext


@pytest.fixture
def worker_settings(settings: Settings, migrated_sqlite: Path) -> Settings:
    """Settings of a worker whose database has the newest schema."""
    shutil.copy(migrated_sqlite, settings.home / "atelier.db")
    return settings.model_copy(
        update={
            "lease_seconds": 30.0,  # a busy machine delays heartbeats
            "heartbeat_seconds": 0.1,
            "retry_seconds": 0.0,
            "runtime": "torch",
            "torch_threads": 1,
        }
    )


@pytest.fixture
def context(worker_settings: Settings) -> Iterator[WorkerContext]:
    """A worker on SQLite and local files, with no broker."""
    context = WorkerContext(worker_settings)
    yield context
    context.close()


@pytest.fixture
def service(context: WorkerContext) -> Iterator[JobService]:
    """The use cases on the database and the storage of the worker, with no broker."""
    settings = context.settings
    engine = make_engine(settings.database)
    yield JobService(settings, engine, context.storage, Broker(make_celery(settings.broker)))
    engine.dispose()
