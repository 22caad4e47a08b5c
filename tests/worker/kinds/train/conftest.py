"""A worker of training jobs, whose trainer process is fake unless a test uses `real_trainer`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support import fake_trainer
from support.submitting import submit_job

from jobs.media.pictures import Upload
from jobs.service import JobService
from jobs.settings import Settings
from worker.context import WorkerContext

#: Small and quick: what is tested is who does what, not what the network learns.
SMALL = {"batch_size": "1", "image_size": "32", "warm_start": "false", "early_stop": "false"}


@pytest.fixture
def real_trainer() -> None:
    """Makes the worker of a test start the real trainer process."""


@pytest.fixture
def context(worker_settings: Settings, request: pytest.FixtureRequest) -> Iterator[WorkerContext]:
    """A worker on SQLite and local files, whose trainer is fake unless a test uses `real_trainer`."""
    if "real_trainer" in request.fixturenames:
        context = WorkerContext(worker_settings)
    else:
        context = WorkerContext(worker_settings, trainer=[sys.executable, "-S", fake_trainer.__file__])
    yield context
    context.close()


@pytest.fixture
def service(service: JobService) -> JobService:
    """The use cases, with the dataset "samples"."""
    assert service.datasets.register_samples() >= 4
    return service


@pytest.fixture
def submit(service: JobService, picture: Callable[..., bytes]) -> Callable[..., str]:
    def make(**params: Any) -> str:
        style = Upload(data=picture(seed=1), field="style", name="style")
        values = {"name": "mine", "max_steps": "4", **SMALL, **params}
        return submit_job(service, "train", values, content=None, style=style).id

    return make
