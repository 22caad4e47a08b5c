from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Engine
from support.submitting import submit_job

from jobs.blobs.local import LocalStorage
from jobs.db.models.jobs import Job
from jobs.media.pictures import Upload
from jobs.queue.broker import Broker, make_celery
from jobs.service import JobService
from jobs.settings import Settings

AWAY = "redis://127.0.0.1:1/0"
Submit = Callable[..., Job]


@pytest.fixture
def service(settings: Settings, engine: Engine, local_storage: LocalStorage) -> JobService:
    """The use cases on either database, with the broker away."""
    return JobService(settings, engine, local_storage, Broker(make_celery(AWAY)))


@pytest.fixture
def submit(service: JobService, picture: Callable[..., bytes]) -> Submit:
    """Submit a job; `seed` and `style_seed` make its pictures."""

    def make(seed: int = 0, style_seed: int = 1, **arguments: object) -> Job:
        owner = str(arguments.pop("owner", service.owner))
        return submit_job(
            service.for_owner(owner),
            "stylize",
            arguments.pop("params", {}),
            content=Upload(data=picture(8, 8, seed=seed), field="content", name="content"),
            style=Upload(data=picture(8, 8, seed=style_seed), field="style", name="style"),
            **arguments,
        )

    return make
