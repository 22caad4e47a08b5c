from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from support.databases import dispose

from jobs.blobs.local import LocalStorage
from jobs.db.engine import make_engine
from jobs.db.schema import upgrade
from jobs.queue.broker import Broker, make_celery
from jobs.service import JobService
from jobs.settings import Settings
from web import create_app


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with an empty database and the gallery, made once and copied for each test."""
    home = tmp_path_factory.mktemp("prepared")
    settings = Settings(_env_file=None, atelier_home=home, database_url="", storage_url="")
    upgrade(settings.database)
    engine = make_engine(settings.database)
    storage = LocalStorage(home / "blobs")
    queue = Broker(make_celery("redis://127.0.0.1:1/0"))
    service = JobService(settings, engine, storage, queue)
    service.styles.register_gallery()
    service.datasets.register_samples()
    dispose(engine)
    return home


@pytest.fixture
def service(settings: Settings, local_storage: LocalStorage, prepared: Path) -> Iterator[JobService]:
    """The use cases on SQLite and local files, with the broker away."""
    shutil.copytree(prepared, settings.home, dirs_exist_ok=True)
    engine = make_engine(settings.database)
    queue = Broker(make_celery(settings.broker))
    yield JobService(settings, engine, local_storage, queue)
    dispose(engine)


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
