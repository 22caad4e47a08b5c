from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobs.logs import JsonFormatter, log_context
from jobs.service import JobService


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What is logged, as production writes it."""
    made: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            made.append(JsonFormatter().format(record))

    handler, logger = Keep(), logging.getLogger()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield made
    logger.removeHandler(handler)
    logger.setLevel(level)


def submit(client: FlaskClient, picture: Callable[..., bytes], **options: Any) -> Any:
    files = {name: (io.BytesIO(picture()), name) for name in ("content", "style")}
    return client.post("/v1/jobs", data=files, **options)


def test_a_request_id_goes_from_the_request_to_the_job_and_the_log(
    client: FlaskClient, picture: Callable[..., bytes], lines: list[str]
) -> None:
    response = submit(client, picture, headers={"X-Request-ID": "abc-123"})

    assert response.headers["X-Request-ID"] == "abc-123"
    assert response.json["request_id"] == "abc-123"
    line = next(line for line in lines if '"POST /v1/jobs"' in line)
    assert '"request_id": "abc-123"' in line
    assert '"status": 202' in line


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "é", 'a"b'])
def test_an_id_that_is_missing_or_strange_is_replaced(client: FlaskClient, given: str) -> None:
    headers = {"X-Request-ID": given.encode().decode("latin-1")} if given else {}

    answered = client.get("/v1/jobs/nothing", headers=headers).headers["X-Request-ID"]

    assert answered != given
    assert len(answered) == 32


def test_errors_carry_the_id_too_and_it_ends_with_the_request(client: FlaskClient) -> None:
    response = client.get("/v1/jobs/nothing", headers={"X-Request-ID": "abc"})

    assert response.status_code == 404
    assert response.headers["X-Request-ID"] == "abc"
    with log_context():
        record = logging.getLogger("x").makeRecord("x", logging.INFO, "f", 1, "m", (), None)
        assert "abc" not in JsonFormatter().format(record)


def test_queries_are_not_logged(client: FlaskClient, lines: list[str]) -> None:
    client.get("/v1/jobs?token=hush")

    assert any("GET /v1/jobs" in line for line in lines)
    assert not any("hush" in line for line in lines)


def test_probes_are_not_logged(client: FlaskClient, lines: list[str]) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        client.get(path)

    assert lines == []


def test_a_webhook_is_asked_for_and_shown(
    client: FlaskClient, service: JobService, picture: Callable[..., bytes]
) -> None:
    from jobs.webhooks.delivery import new_secret

    fields = {"webhook_url": "https://example.com/hook", "webhook_events": "failed"}
    files = {name: (io.BytesIO(picture()), name) for name in ("content", "style")}
    refused = client.post("/v1/jobs", data=files | fields)
    service.settings = service.settings.model_copy(update={"webhook_secret": new_secret()})
    files = {name: (io.BytesIO(picture()), name) for name in ("content", "style")}
    taken = client.post("/v1/jobs", data=files | fields)

    assert refused.status_code == 422
    assert refused.json["errors"][0]["pointer"] == "webhook_url"
    assert taken.status_code == 202
    assert taken.json["webhook"] == {
        "url": "https://example.com/hook",
        "events": ["failed"],
        "deliveries": [],
    }
