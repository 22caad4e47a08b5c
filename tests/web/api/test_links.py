"""Links that open an output without a key."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobs.accounts.api_keys import Scope
from jobs.blobs.rows import store_blob
from jobs.db.models.jobs import JobFile
from jobs.media.pictures import PictureInfo
from jobs.queue import lifecycle
from jobs.service import JobService
from jobs.settings import Settings
from web import create_app
from web.api import links

Picture = Callable[..., bytes]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"api_keys": "on", "secret_key": "a secret of the tests"})


@pytest.fixture
def app(settings: Settings, service: JobService) -> Flask:
    return create_app(settings, service)


@pytest.fixture
def ada(app: Flask) -> dict[str, str]:
    _, token = app.extensions["keys"].create("ada", [Scope.READ, Scope.SUBMIT])
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def job(
    client: FlaskClient, service: JobService, picture: Picture, ada: dict[str, str]
) -> dict[str, Any]:
    """A job of Ada's that made the picture of seed 3."""
    form = {"content": (io.BytesIO(picture()), "p.png"), "style_id": "woodcut"}
    body: dict[str, Any] = client.post("/v1/jobs", data=form, headers=ada).json
    info = PictureInfo(media_type="image/png", width=48, height=32)
    sha256 = store_blob(service.sessions, service.storage, picture(seed=3), info)
    with service.sessions.begin() as session:
        run = lifecycle.claim(session, "stylize", "w", 60)
        assert run is not None
        lifecycle.succeed(session, run, {})
        session.add(JobFile(job_id=body["id"], direction="output", role="image", sha256=sha256))
    return body


def link(client: FlaskClient, job: dict[str, Any], ada: dict[str, str], **body: Any) -> Any:
    return client.post(job["urls"]["link"], json=body, headers=ada)


def test_a_link_opens_without_a_key(
    client: FlaskClient, job: dict[str, Any], ada: dict[str, str], picture: Picture
) -> None:
    made = link(client, job, ada)
    url = made.json["url"]
    whole = client.get(url)
    head = client.head(url)
    part = client.get(url, headers={"Range": "bytes=4-9"})
    beyond = client.get(url, headers={"Range": "bytes=999999-"})
    same = client.get(url, headers={"If-None-Match": whole.headers["ETag"]})
    saved = client.get(f"{url}?download=1")

    assert made.status_code == 201
    assert (whole.status_code, whole.data) == (200, picture(seed=3))
    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["Content-Length"] == str(len(picture(seed=3)))
    assert (part.status_code, part.data) == (206, picture(seed=3)[4:10])
    assert beyond.status_code == 416
    assert same.status_code == 304
    assert whole.headers["Content-Disposition"].startswith("inline; filename=atelier-")
    assert saved.headers["Content-Disposition"].startswith("attachment; filename=atelier-")
    assert whole.headers["Cache-Control"].startswith("private, max-age=")
    assert whole.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in whole.headers["Content-Security-Policy"]
    assert client.get(job["urls"]["output"]).status_code == 401


def test_a_link_is_not_logged(
    client: FlaskClient, job: dict[str, Any], ada: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    url = link(client, job, ada).json["url"]
    with caplog.at_level(logging.DEBUG):
        answers = [client.get(url), client.get(url[:-1]), client.get(f"{url}?download=1")]

    assert [answer.status_code for answer in answers] == [200, 403, 200]
    assert caplog.messages.count("GET /v1/outputs/…") == 3
    # A token that is compressed begins with a dot.
    for part in url.rsplit("/", 1)[1].removeprefix(".").split("."):
        assert part not in caplog.text


def test_every_character_of_a_link_counts(
    client: FlaskClient, job: dict[str, Any], ada: dict[str, str]
) -> None:
    url = link(client, job, ada).json["url"]
    start = url.rindex("/") + 1
    # The last character of base64 may hold bits that mean nothing.
    for at in range(start, len(url) - 1):
        changed = url[:at] + ("A" if url[at] != "A" else "B") + url[at + 1 :]
        assert client.get(changed).status_code in {403, 404}, at
    for changed in (url[:-2], url + "x", url[:start]):
        assert client.get(changed).status_code in {403, 404}


def test_the_signature_covers_job_output_and_expiry(
    app: Flask, client: FlaskClient, job: dict[str, Any], ada: dict[str, str]
) -> None:
    from itsdangerous import URLSafeTimedSerializer

    other = URLSafeTimedSerializer("another secret", salt="atelier.output")
    for payload in ([job["id"], 0, 10**10], [job["id"], 1, 10**10]):
        refused = client.get(f"/v1/outputs/{other.dumps(payload)}")
        assert (refused.status_code, refused.json["code"]) == (403, "bad_link")

    # Payload, time and signature; a payload that is compressed begins with a dot.
    first, second = (
        link(client, job, ada, expires_in=seconds).json["url"].split("/")[-1].rsplit(".", 2)
        for seconds in (60, 120)
    )
    mixed = ".".join([first[0], *second[1:]])
    assert first[0] != second[0]
    assert client.get(f"/v1/outputs/{mixed}").status_code == 403


def test_an_expired_link(
    client: FlaskClient, job: dict[str, Any], ada: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = link(client, job, ada, expires_in=60).json["url"]
    assert client.get(url).status_code == 200
    real = links.datetime

    class Later(real):  # type: ignore[misc, valid-type]
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return real.now(tz) + links.timedelta(seconds=61)

    monkeypatch.setattr(links, "datetime", Later)
    expired = client.get(url)

    assert (expired.status_code, expired.json["code"]) == (403, "expired_link")


def test_a_link_to_a_job_that_is_gone(
    client: FlaskClient, job: dict[str, Any], ada: dict[str, str]
) -> None:
    url = link(client, job, ada).json["url"]
    assert client.delete(job["urls"]["self"], headers=ada).status_code == 204

    assert client.get(url).status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"expires_in": 0}, 422),
        ({"expires_in": 10**10}, 422),
        ({"expires_in": "soon"}, 422),
        ({"index": -1}, 422),
        ({"index": 5}, 404),
        ({"colour": "red"}, 422),
    ],
)
def test_links_that_are_not_made(
    client: FlaskClient, job: dict[str, Any], ada: dict[str, str], body: dict[str, Any], status: int
) -> None:
    assert link(client, job, ada, **body).status_code == status


def test_no_link_holds_longer_than_the_setting_says(
    client: FlaskClient, job: dict[str, Any], ada: dict[str, str], settings: Settings
) -> None:
    made = link(client, job, ada, expires_in=10**9).json

    left = links.datetime.fromisoformat(made["expires_at"]) - links.datetime.now(links.UTC)
    assert abs(left.total_seconds() - settings.link_seconds) < 60


def test_a_body_that_is_no_object(
    client: FlaskClient, job: dict[str, Any], ada: dict[str, str]
) -> None:
    assert client.post(job["urls"]["link"], data=b"[1]", headers=ada).status_code == 400
    assert client.post(job["urls"]["link"], headers=ada).status_code == 201


def test_a_link_does_not_open_what_came_later_under_the_same_id(
    client: FlaskClient,
    app: Flask,
    service: JobService,
    job: dict[str, Any],
    ada: dict[str, str],
    picture: Picture,
) -> None:
    url = link(client, job, ada).json["url"]
    assert client.get(url).status_code == 200
    assert client.delete(job["urls"]["self"], headers=ada).status_code == 204
    form = {"content": (io.BytesIO(picture()), "p.png"), "style_id": "woodcut"}
    again = client.put(job["urls"]["self"], data=form, headers=ada)
    assert again.status_code == 202
    info = PictureInfo(media_type="image/png", width=48, height=32)
    sha256 = store_blob(service.sessions, service.storage, picture(seed=3), info)
    with service.sessions.begin() as session:
        run = lifecycle.claim(session, "stylize", "w", 60)
        assert run is not None
        lifecycle.succeed(session, run, {})
        session.add(JobFile(job_id=job["id"], direction="output", role="image", sha256=sha256))

    assert client.get(url).status_code == 404
    assert client.get(link(client, job, ada).json["url"]).status_code == 200
