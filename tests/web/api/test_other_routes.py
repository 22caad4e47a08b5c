from __future__ import annotations

import io
import os
import re
import signal
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from gunicorn.http.errors import InvalidChunkSize
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from PIL import Image
from sqlalchemy import event

from jobs.blobs.rows import store_blob
from jobs.db.models.jobs import Job, JobFile
from jobs.media.pictures import PictureInfo
from jobs.media.sandbox import pool_of
from jobs.queue import lifecycle
from jobs.service import JobService
from jobs.settings import Settings


def test_health(client: FlaskClient) -> None:
    assert client.get("/healthz").json == {"status": "ok"}
    assert client.get("/readyz").json == {"status": "ready", "wrong": {}}


def test_not_ready_without_storage(
    client: FlaskClient, service: JobService, settings: Settings
) -> None:
    service.storage.folder = settings.home / "atelier.db" / "not a folder"

    response = client.get("/readyz")

    assert response.status_code == 503
    assert list(response.json["wrong"]) == ["storage"]


def test_ready_again_after_the_decoders_were_killed(
    client: FlaskClient, settings: Settings, picture: Callable[..., bytes]
) -> None:
    assert client.get("/readyz").status_code == 200
    for pid in pool_of(settings.decode_limits).pids:
        os.kill(pid, signal.SIGKILL)

    form = {"style_id": "woodcut", "content": (io.BytesIO(picture()), "c.png")}
    assert client.post("/v1/jobs", data=form).status_code == 202
    assert client.get("/readyz").json == {"status": "ready", "wrong": {}}


def test_not_ready_without_a_decoder(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(limits: object) -> None:
        raise TimeoutError

    monkeypatch.setattr("jobs.service.check_decoders", refuse)
    assert client.get("/readyz").json["wrong"] == {"decoders": "TimeoutError"}


def test_metrics_are_prometheus_text(client: FlaskClient) -> None:
    text = client.get("/metrics").text

    assert "atelier_outbox_messages 0" in text
    for line in text.splitlines():
        assert re.fullmatch(r'# (HELP|TYPE) \w+ .+|\w+(\{(\w+="[^"]*",?)+\})? [-\d.e+]+', line), line


def test_the_description_is_valid_and_complete(client: FlaskClient, app: Flask) -> None:
    document = client.get("/openapi.json").json

    validate(document)
    described = {
        (method.upper(), re.sub(r"{(\w+)}", r"<\1>", path))
        for path, methods in document["paths"].items()
        for method in methods
    }
    pages = {"/", "/docs", "/docs/assets/<name>", "/openapi.json", "/login", "/logout"}
    pages |= {"/video", "/live", "/live/runtime/<runtime_file>", "/training", "/admin"}
    pages |= {"/samples/<photo>"}
    served = {
        (method, re.sub(r"<\w+:(\w+)>", r"<\1>", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if not rule.rule.startswith("/static")
    }
    assert {entry for entry in served if entry[1] not in pages} == described


def test_a_job_is_as_described(client: FlaskClient, picture: Callable[..., bytes]) -> None:
    files = {name: (io.BytesIO(picture()), name) for name in ("content", "style")}
    job = client.post("/v1/jobs", data=files).json

    document = client.get("/openapi.json").json
    Draft202012Validator({**document, "$ref": "#/components/schemas/Job"}).validate(job)
    assert set(job) == set(document["components"]["schemas"]["Job"]["properties"])


def test_the_docs_page_has_all_it_needs(client: FlaskClient) -> None:
    page = client.get("/docs")

    for url in re.findall(r'(?:src|href)="([^"#]+)"', page.text):
        assert client.get(url, buffered=True).status_code == 200, url
    assert client.get("/docs/assets/swagger-editor-bundle.js").status_code == 404


def test_the_studio_page_loads_only_our_own_files(client: FlaskClient) -> None:
    page = client.get("/")

    assert page.status_code == 200
    assert "unsafe-inline" not in page.headers["Content-Security-Policy"]
    urls = re.findall(r'(?:src|href)="([^"#]+)"', page.text)
    assert urls
    for url in urls:
        assert url.startswith("/"), url
        assert client.get(url, buffered=True).status_code == 200, url
    assert "<style" not in page.text
    assert not re.search(r"\sstyle=|\son\w+=", page.text)


def test_styles(client: FlaskClient) -> None:
    styles = client.get("/v1/styles").json["styles"]

    assert len(styles) >= 12
    first = styles[0]
    assert client.get(first["urls"]["self"]).json == first
    for key, longest in (("image", first["width"]), ("thumbnail", 192)):
        response = client.get(first["urls"][key])
        with Image.open(io.BytesIO(response.data)) as image:
            assert max(image.size) == longest


def test_the_simple_calls_say_where_to_follow_a_slow_job(
    client: FlaskClient, service: JobService, picture: Callable[..., bytes]
) -> None:
    service.settings = service.settings.model_copy(update={"sync_seconds": 0.2})

    response = client.post("/stylize", data={"file": (io.BytesIO(picture()), "p.png")})

    assert response.status_code == 504
    assert "/v1/jobs/" in response.json["detail"]


@pytest.mark.parametrize(("format_", "suffix"), [("JPEG", "jpg"), ("PNG", "png")])
def test_a_picture_is_saved_under_the_name_of_its_format(
    client: FlaskClient,
    picture: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
    format_: str,
    suffix: str,
) -> None:
    painted = picture(format=format_, seed=4)

    def wait(self: JobService, job_id: str, seconds: float, **_: object) -> Job:
        info = PictureInfo(media_type=f"image/{format_.lower()}", width=48, height=32)
        sha256 = store_blob(self.sessions, self.storage, painted, info)
        with self.sessions.begin() as session:
            run = lifecycle.claim(session, "stylize", "w", 60)
            assert run is not None
            lifecycle.succeed(session, run, {})
            session.add(JobFile(job_id=job_id, direction="output", role="image", sha256=sha256))
        return self.get(job_id)

    monkeypatch.setattr(JobService, "wait", wait)
    form = {"file": (io.BytesIO(picture()), "p.png"), "format": format_.lower()}
    saved = client.post("/stylize_download", data=form)

    assert (saved.status_code, saved.data) == (200, painted)
    assert saved.mimetype == f"image/{format_.lower()}"
    disposition = saved.headers["Content-Disposition"]
    assert re.fullmatch(rf"attachment; filename=atelier-[0-9a-f]{{8}}\.{suffix}", disposition)


@pytest.mark.parametrize("path", ["/stylize", "/stylize_download"])
def test_the_simple_calls_need_a_file(client: FlaskClient, path: str) -> None:
    response = client.post(path, data={"size": "64"})

    assert response.status_code == 422
    assert response.json["errors"][0]["pointer"] == "file"


def test_every_answer_carries_the_security_headers(client: FlaskClient) -> None:
    for path in ("/", "/docs", "/v1/jobs", "/nothing"):
        headers = client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in headers["Content-Security-Policy"]


def test_a_database_that_can_not_be_written_is_not_ready(
    client: FlaskClient, service: JobService
) -> None:
    def only_read(connection: Any, _: object) -> None:
        connection.execute("PRAGMA query_only=ON")

    assert client.get("/readyz").status_code == 200
    service.engine.dispose()
    event.listen(service.engine, "connect", only_read)
    answer = client.get("/readyz")

    assert (answer.status_code, answer.json["wrong"]) == (503, {"database": "OperationalError"})
    assert client.get("/v1/jobs").status_code == 200


def test_broken_chunks_are_the_clients_fault(client: FlaskClient, app: Flask) -> None:
    """gunicorn raises its own error when the application reads such a body."""

    class Broken(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, _: Any) -> int:
            raise InvalidChunkSize(b"x" * 100)

    answer = client.post(
        "/v1/jobs",
        content_type="application/json",
        environ_overrides={"wsgi.input": Broken(), "wsgi.input_terminated": True},
    )
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_request")
