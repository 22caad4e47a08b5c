from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobs.db import make_engine
from jobs.queue import JobQueue, make_celery
from jobs.schema import upgrade
from jobs.service import JobService
from jobs.settings import Settings
from jobs.storage import LocalStorage
from web import create_app


@pytest.fixture
def service(settings: Settings, local_storage: LocalStorage) -> Iterator[JobService]:
    """The use cases on SQLite and local files, with the broker away."""
    upgrade(settings.database)
    engine = make_engine(settings.database)
    queue = JobQueue(make_celery(settings.broker))
    service = JobService(settings, engine, local_storage, queue)
    service.styles.register_gallery()
    yield service
    engine.dispose()


@pytest.fixture
def app(settings: Settings, service: JobService) -> Flask:
    return create_app(settings, service)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def stored(local_storage: LocalStorage) -> set[Path]:
    """The files in storage before the test."""
    return {path for path in local_storage.folder.rglob("*") if path.is_file()}
