"""Requests made up from our own description, right and wrong: no answer breaks a promise."""

from __future__ import annotations

import io
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies
from PIL import Image
from schemathesis.checks import load_all_checks
from schemathesis.pytest.lazy import get_all_tests
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from support.databases import dispose

from jobs.blobs.local import LocalStorage
from jobs.blobs.rows import store_blob
from jobs.db.engine import make_engine
from jobs.db.models.jobs import JobFile
from jobs.media.pictures import PictureInfo
from jobs.queue import lifecycle
from jobs.queue.broker import Broker, make_celery
from jobs.service import JobService
from jobs.settings import Settings
from jobs.webhooks.public_http import AddressRefusedError
from web import create_app, register_routes
from web.openapi.document import document

#: Requests of each operation: fewer in `make test`, whose profile of hypothesis asks for fewer.
EXAMPLES = max(2, hypothesis_settings.default.max_examples // 4)
#: Their rules reach over several fields (a style or a style_id) or to what exists (a style's id, the
#: cursor of a page), to what is printable or to whether bytes are a picture or another file, which a
#: schema can't say: what it takes for right may be refused, in words.
BEYOND_A_SCHEMA = {
    "submit",
    "put",
    "submit_batch",
    "list_jobs",
    "list_all_jobs",
    "stylize",
    "stylize_download",
    "create_style",
    "upload",
    "create_network",
    "create_dataset",
    "tune_style",
}
#: A form field holds text, and every short text is a title, also one that was made of an object.
ALL_TEXT = {"create_style"}


def picture(width: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, 8), (width, 90, 20)).save(out, "PNG")
    return out.getvalue()


# Files that are right are pictures. Files that are not have a test of their own.
schemathesis.openapi.format("binary", strategies.sampled_from([picture(8), picture(9)]))


def description() -> dict[str, Any]:
    """The document of the routes, without a service behind them."""
    routes = Flask("routes")
    register_routes(routes)
    return document(routes)


METHODS = {"get", "put", "post", "patch", "delete"}
DESCRIPTION = description()
OPERATIONS = [
    f"{method.upper()} {path}"
    for path, operations in DESCRIPTION["paths"].items()
    for method in operations
    if method in METHODS
]


@pytest.fixture(scope="module")
def application(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The application that is to be as described."""
    home = tmp_path_factory.mktemp("contract")
    shutil.copytree(prepared, home, dirs_exist_ok=True)
    settings = Settings(
        _env_file=None,
        atelier_home=home,
        database_url="",
        redis_url="redis://127.0.0.1:1/0",
        storage_url="",
        api_keys="off",
        rate_limit="",
        submit_rate_limit="",
    )
    engine = make_engine(settings.database)
    queue = Broker(make_celery(settings.broker))
    service = JobService(settings, engine, LocalStorage(home / "blobs"), queue)
    app = create_app(settings, service)
    stop = threading.Event()
    worker = threading.Thread(target=work, args=(service, stop))
    worker.start()
    with pytest.MonkeyPatch.context() as patch:
        # Generated URLs name hosts of strangers: none is called.
        patch.setattr("jobs.submission.remote_files.get", refuse)
        yield app
    stop.set()
    worker.join()
    dispose(engine)


def refuse(*_: object, **__: object) -> None:
    """Answers as for a host with a private address."""
    raise AddressRefusedError


def work(service: JobService, stop: threading.Event) -> None:
    """A worker's part, without the painting."""
    info = PictureInfo(media_type="image/png", width=9, height=8)
    while not stop.wait(0.02):
        with service.sessions.begin() as session:
            run = lifecycle.claim(session, "stylize", "w", 60)
        if run is None:
            continue
        sha256 = store_blob(service.sessions, service.storage, picture(9), info)
        with service.sessions.begin() as session:
            if lifecycle.heartbeat(session, run, 60):
                lifecycle.finish_canceled(session, run)
                continue
            lifecycle.succeed(session, run, {"run_s": 0.1})
            file = {"direction": "output", "role": "image", "sha256": sha256}
            session.add(JobFile(job_id=run.job_id, **file))


@hypothesis_settings(max_examples=EXAMPLES)
def ask(case: schemathesis.Case) -> None:
    """Make one request, and compare the answer with the description."""
    operation = case.operation.definition.raw["operationId"]
    excluded = [positive_data_acceptance] if operation in BEYOND_A_SCHEMA else []
    excluded += [negative_data_rejection] if operation in ALL_TEXT else []
    case.call_and_validate(excluded_checks=excluded)


@pytest.fixture(scope="module")
def asking(application: Flask) -> dict[str, Callable[[], None]]:
    """Operation → what makes its requests.

    `schema.parametrize()` would make the requests up, which takes ten seconds, in each process that
    collects tests.
    """
    load_all_checks()
    whole = schemathesis.openapi.from_dict(DESCRIPTION)
    # The body of `put` is that of `submit`: 4,000 requests for its corners are sent once.
    drawn = schemathesis.Config.from_dict({"phases": {"coverage": {"enabled": False}}})
    put = schemathesis.openapi.from_dict(DESCRIPTION, config=drawn).include(operation_id="put")
    found = {}
    for schema in (whole.exclude(operation_id="put"), put):
        schema.app = application
        made = get_all_tests(schema=schema, test_func=ask, settings=None, given_kwargs={})
        found |= {operation.label: test for operation, test in (each.ok() for each in made)}
    return found


def test_put_takes_the_body_of_submit() -> None:
    operations = DESCRIPTION["paths"]
    put, submit = operations["/v1/jobs/{job_id}"]["put"], operations["/v1/jobs"]["post"]

    assert put["requestBody"] == submit["requestBody"]


def test_every_operation_is_asked(asking: dict[str, Callable[[], None]]) -> None:
    assert sorted(asking) == sorted(OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_no_answer_breaks_the_description(
    operation: str, asking: dict[str, Callable[[], None]]
) -> None:
    asking[operation]()
