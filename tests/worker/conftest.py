from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.databases import dispose
from support.submitting import submit_job

from jobs.db.engine import make_engine
from jobs.media.pictures import Upload
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
    dispose(engine)


@pytest.fixture
def submit(service: JobService, picture: Callable[..., bytes]) -> Callable[..., str]:
    """Submit a `stylize` job; returns its id."""

    def make(content: bytes | None = None, named_files: Any = (), **params: Any) -> str:
        own = None if "styles" in params else picture(seed=1)
        job = submit_job(
            service,
            "stylize",
            params,
            content=Upload(data=content or picture(), field="content", name="content"),
            style=own and Upload(data=own, field="style", name="style"),
            named_files={
                name: Upload(data=data, field=name, name=name)
                for name, data in dict(named_files).items()
            },
        )
        return job.id

    return make
