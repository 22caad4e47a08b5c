"""Polls of jobs: answered from the version of the row, and never out of date."""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from jobs.blobs.rows import upsert_blob
from jobs.db.models.jobs import JobFile
from jobs.media.pictures import PictureInfo
from jobs.queue import lifecycle
from jobs.service import JobService
from web.api import job_answers
from web.serializers import job_json

Picture = Callable[..., bytes]


@pytest.fixture
def job(client: FlaskClient, picture: Picture) -> dict[str, Any]:
    return send(client, picture)


def send(client: FlaskClient, picture: Picture, path: str = "", **fields: str) -> dict[str, Any]:
    form = {"content": (io.BytesIO(picture()), "p.png"), "style_id": "woodcut", **fields}
    response = client.put(path, data=form) if path else client.post("/v1/jobs", data=form)
    assert response.status_code == 202, response.text
    body: dict[str, Any] = response.json
    return body


def statements(service: JobService) -> list[str]:
    """Everything that is sent to the database from now on."""
    sent: list[str] = []

    @event.listens_for(service.engine, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    return sent


def fail(service: JobService) -> None:
    with service.sessions.begin() as session:
        run = lifecycle.claim(session, "stylize", "w", 60)
        assert run is not None
        lifecycle.fail(session, run, {"code": "internal", "detail": "No.", "retryable": False})


def test_an_answer_is_the_whole_job(
    app: Flask, client: FlaskClient, service: JobService, job: dict[str, Any]
) -> None:
    path = job["urls"]["self"]

    read, kept = client.get(path), client.get(path)
    with app.test_request_context():
        found = service.get(job["id"])
        whole = app.json.dumps(job_json(found, service.queue_position(found)), separators=(",", ":"))

    assert read.text == kept.text == f"{whole}\n"
    assert read.json["queue"] == {"position": 0, "eta_s": None, "paused": False}
    assert read.headers["Content-Type"] == "application/json"
    assert read.headers["Cache-Control"] == "no-cache"


def test_the_urls_of_outputs_are_of_the_host_that_was_called(
    client: FlaskClient, service: JobService, job: dict[str, Any]
) -> None:
    assert job["output"] is None
    with service.sessions.begin() as session:
        run = lifecycle.claim(session, "stylize", "w", 60)
        assert run is not None
        lifecycle.succeed(session, run, {}, network_version=None)
        sha256 = service.storage.put(b"made")
        info = PictureInfo(media_type="image/png", width=8, height=8)
        upsert_blob(session, sha256, 4, info, lifecycle.now(session))
        session.add(JobFile(job_id=job["id"], direction="output", role="image", sha256=sha256))
    # An answer that is kept for one address is not given at another.
    hosts = ("http://localhost", "http://127.0.0.1:8001")
    answers = [client.get(job["urls"]["self"], base_url=host) for host in hosts]
    path = job["urls"]["output"]
    assert [answer.json["output"] for answer in answers] == [
        [f"http://localhost{path}"],
        [f"http://127.0.0.1:8001{path}"],
    ]
    assert answers[0].headers["ETag"] != answers[1].headers["ETag"]
    assert client.get(answers[0].json["output"][0]).data == b"made"


def test_a_known_job_costs_one_small_statement(
    client: FlaskClient, service: JobService, job: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.queue.position.SNAPSHOT_SECONDS", 3600)
    path = job["urls"]["self"]
    etag = client.get(path).headers["ETag"]
    sent = statements(service)

    assert client.get(path).status_code == 200
    assert client.get(path, headers={"If-None-Match": etag}).status_code == 304
    assert client.get(path, headers={"If-None-Match": "*"}).status_code == 304

    assert len(sent) == 3
    assert not any("params" in statement for statement in sent)


def test_an_unchanged_job_is_not_read_by_another_process(
    service: JobService, client: FlaskClient, app: Flask, job: dict[str, Any]
) -> None:
    path = job["urls"]["self"]
    etag = client.get(path).headers["ETag"]
    app.extensions["job_answers"] = job_answers.JobAnswers()  # as a new process has
    sent = statements(service)

    assert client.get(path, headers={"If-None-Match": etag}).status_code == 304
    assert not any("params" in statement for statement in sent)


def test_the_position_changes_the_answer_and_its_etag(
    client: FlaskClient, service: JobService, picture: Picture, job: dict[str, Any]
) -> None:
    other = send(client, picture, alpha="0.5")["urls"]["self"]
    behind = client.get(other)
    client.post(f"{job['urls']['self']}/cancel")

    first = client.get(other, headers={"If-None-Match": behind.headers["ETag"]})

    assert (behind.json["queue"]["position"], first.json["queue"]["position"]) == (1, 0)
    assert first.headers["ETag"] != behind.headers["ETag"]


def test_a_job_put_again_under_its_id_is_another(client: FlaskClient, picture: Picture) -> None:
    path = f"/v1/jobs/{uuid.uuid4()}"
    send(client, picture, path, alpha="0.25")
    before = client.get(path)
    client.post(f"{path}/cancel")
    assert client.delete(path).status_code == 204
    assert client.get(path, headers={"If-None-Match": before.headers["ETag"]}).status_code == 404
    send(client, picture, path, alpha="0.75")

    after = client.get(path, headers={"If-None-Match": before.headers["ETag"]})

    assert (before.json["params"]["alpha"], after.json["params"]["alpha"]) == (0.25, 0.75)


def test_a_retried_job_that_is_deleted_leaves_the_answer(
    client: FlaskClient, service: JobService, job: dict[str, Any]
) -> None:
    fail(service)
    path = client.post(f"{job['urls']['self']}/retry").json["urls"]["self"]
    assert client.get(path).json["retried_from"] == job["id"]
    client.delete(job["urls"]["self"])

    assert client.get(path).json["retried_from"] is None


def test_few_answers_are_kept(
    app: Flask, client: FlaskClient, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_answers, "MAX_ANSWERS", 2)
    paths = [send(client, picture, alpha=f"0.{n}")["urls"]["self"] for n in (1, 2, 3)]
    shown = [client.get(path).json["params"]["alpha"] for path in (*paths, *paths)]

    assert shown == [0.1, 0.2, 0.3] * 2
    assert len(app.extensions["job_answers"]._kept) == 2


def test_a_large_answer_is_not_kept(
    app: Flask, client: FlaskClient, job: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_answers, "MAX_BYTES", 100)

    assert client.get(job["urls"]["self"]).json["id"] == job["id"]
    assert not app.extensions["job_answers"]._kept
