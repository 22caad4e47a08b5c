"""No secret is written where others read: logs, errors, settings that are shown."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import create_engine

from jobs.accounts.api_keys import Scope
from jobs.db.models.jobs import Base
from jobs.errors import StorageError
from jobs.queue.broker import Broker, make_celery
from jobs.service import JobService
from jobs.settings import Settings
from web import create_app
from web.security.secret_key import signing_secret

Picture = Callable[..., bytes]
PASSWORD = "hunter2-of-the-tests"
SIGNING = "signing-secret-of-the-tests"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={
            "api_keys": "on",
            "secret_key": SIGNING,
            "redis_url": f"redis://:{PASSWORD}@127.0.0.1:1/0",
            "rate_limit": "1000/minute",
        }
    )


@pytest.fixture
def service(service: JobService, settings: Settings) -> JobService:
    service.broker = Broker(make_celery(settings.broker))
    return service


@pytest.fixture
def app(settings: Settings, service: JobService) -> Flask:
    return create_app(settings, service)


def test_what_requests_leave_in_the_logs_and_answers(
    app: Flask, service: JobService, picture: Picture, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    app.add_url_rule("/boom", "boom", lambda: 1 / 0)
    client = app.test_client()
    _, token = app.extensions["keys"].create("ada", [Scope.READ, Scope.SUBMIT])
    secret = token.rsplit("_", 1)[1]
    bearer = {"Authorization": f"Bearer {token}"}

    def form() -> dict[str, Any]:
        return {"content": (io.BytesIO(picture()), "p.png"), "style_id": "woodcut"}

    answers = [
        client.get("/v1/jobs", headers=bearer),
        client.post("/v1/jobs", data=form(), headers=bearer),
        client.post("/v1/jobs", data={"content": token}, headers=bearer),
        client.get("/v1/jobs", headers={"Authorization": f"Bearer {token}x"}),
        client.get("/v1/jobs", headers={"Authorization": f"Basic {token}"}),
        client.get(f"/v1/outputs/{SIGNING}"[:20], headers=bearer),
        client.post("/login", data={"key": token + "x"}, headers={"Sec-Fetch-Site": "none"}),
        client.post("/login", data={"key": token}, headers={"Sec-Fetch-Site": "none"}),
        client.get("/readyz"),
    ]
    cookie = answers[-2].headers["Set-Cookie"].split(";")[0].split("=", 1)[1]
    client.get("/v1/jobs")

    # Whatever is away, and however it fails.
    def fail(*_: object) -> None:
        raise StorageError("The file store failed.")

    service.storage.get = fail  # type: ignore[method-assign]
    answers.append(client.get("/v1/styles/woodcut/image", headers=bearer))
    _, admin = app.extensions["keys"].create("ada", [Scope.ADMIN])
    answers.append(client.get("/boom", headers={"Authorization": f"Bearer {admin}"}))
    with service.engine.connect() as connection:
        Base.metadata.drop_all(connection)
        connection.commit()
    answers.append(client.get("/v1/jobs", headers=bearer))

    assert [answer.status_code for answer in answers[-3:]] == [503, 500, 503]
    written = caplog.text + "".join(answer.text for answer in answers)
    assert "unexpected error" in written
    assert "can't be reached" in written
    for each in (secret, admin.rsplit("_", 1)[1], PASSWORD, SIGNING, cookie):
        assert each not in written


def test_a_database_that_refuses_us_is_logged_without_its_password(
    settings: Settings, service: JobService, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"postgresql+psycopg://ada:{PASSWORD}@127.0.0.1:1/atelier"
    away = settings.model_copy(update={"database_url": url, "api_keys": "off"})
    broken = JobService(
        away, create_engine(url, connect_args={"connect_timeout": 1}), service.storage, service.broker
    )
    client = create_app(away, broken).test_client()

    answers = [client.get(path) for path in ("/v1/jobs", "/readyz", "/metrics", "/v1/styles")]

    assert [answer.status_code for answer in answers] == [503] * 4
    written = caplog.text + "".join(answer.text for answer in answers)
    assert "the database failed" in caplog.text
    assert PASSWORD not in written


def test_settings_can_be_shown(settings: Settings) -> None:
    shown = settings.model_copy(update={"database_url": f"postgresql://ada:{PASSWORD}@host/atelier"})

    for text in (repr(shown), str(shown), f"{shown!r}"):
        assert PASSWORD not in text
        assert SIGNING not in text


def test_a_setting_that_is_wrong_is_told_without_its_value() -> None:
    with pytest.raises(ValueError, match="port") as caught:
        Settings.model_validate({"port": PASSWORD})

    assert PASSWORD not in str(caught.value)


def test_our_own_secret_is_made_once_and_for_us_alone(settings: Settings, tmp_path: Path) -> None:
    own = settings.model_copy(update={"secret_key": "", "atelier_home": tmp_path / "new"})

    first, again = signing_secret(own), signing_secret(own)

    assert first == again
    assert len(bytes.fromhex(first)) == 32
    [kept] = (tmp_path / "new").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert signing_secret(settings) == SIGNING
