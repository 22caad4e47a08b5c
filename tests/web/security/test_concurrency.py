"""Requests that wait: how many may, and what becomes of those beyond."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError

from jobs.errors import BusyError
from jobs.queue import lifecycle
from jobs.service import LOCAL_OWNER, JobService
from web.security.body_bytes import BodyBytes
from web.security.concurrency import FULL_WAIT_SECONDS, ConcurrencyLimits

Picture = Callable[..., bytes]


@pytest.fixture
def job(client: FlaskClient, picture: Picture) -> dict[str, Any]:
    sent = {"content": (io.BytesIO(picture()), "p.png"), "style_id": "woodcut"}
    made: dict[str, Any] = client.post("/v1/jobs", data=sent).json
    return made


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long each request was ready to wait; none does."""
    seen: list[float] = []

    def wait(self: JobService, job_id: str, seconds: float, **_: object) -> Any:
        seen.append(seconds)
        return self.version(job_id)

    monkeypatch.setattr(JobService, "wait_for_change", wait)
    return seen


@pytest.fixture
def full(app: Flask) -> ConcurrencyLimits:
    """All slots but one are taken."""
    found: ConcurrencyLimits = app.extensions["concurrency"]
    while found.try_acquire():
        pass
    found.release()
    return found


@pytest.mark.parametrize(("threads", "waiting", "streams"), [(16, 12, 8), (4, 3, 2), (2, 1, 1)])
def test_threads_are_left_for_those_who_do_not_wait(threads: int, waiting: int, streams: int) -> None:
    limits = ConcurrencyLimits(threads)
    assert [limits.try_acquire_stream() for _ in range(threads)].count(True) == streams
    assert [limits.try_acquire() for _ in range(threads)].count(True) == waiting - streams

    for _ in range(streams):
        limits.release_stream()
    assert [limits.try_acquire() for _ in range(threads)].count(True) == streams
    assert not limits.try_acquire_stream()


def test_who_finds_no_seat_waits_for_a_moment(
    client: FlaskClient,
    picture: Picture,
    job: dict[str, Any],
    full: ConcurrencyLimits,
    patience: list[float],
) -> None:
    sent = {"content": (io.BytesIO(picture()), "p.png"), "style_id": "night-oils"}
    path = f"{job['urls']['self']}?wait=20"

    waiting_job = client.get(path)
    again = client.get(path)
    full.try_acquire()
    standing = client.get(path)
    submitted = client.post("/v1/jobs", data=sent, headers={"Prefer": "wait=9"})

    assert [waiting_job.status_code, again.status_code, standing.status_code] == [200] * 3
    assert submitted.status_code == 202
    assert patience == [20, 20, FULL_WAIT_SECONDS, FULL_WAIT_SECONDS]


@pytest.mark.parametrize("path", ["/stylize", "/stylize_download"])
def test_a_simple_call_that_finds_no_seat_makes_no_job(
    client: FlaskClient, picture: Picture, full: ConcurrencyLimits, path: str
) -> None:
    full.try_acquire()
    refused = client.post(path, data={"file": (io.BytesIO(picture()), "p.png")})

    assert (refused.status_code, refused.json["code"]) == (503, "busy")
    assert int(refused.headers["Retry-After"]) >= 1
    assert client.get("/v1/jobs").json["jobs"] == []


def test_streams_release_their_slots(
    app: Flask, client: FlaskClient, job: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.extensions, "concurrency", ConcurrencyLimits(4))
    with ExitStack() as open_streams:
        streams = [open_streams.enter_context(client.get(job["urls"]["events"])) for _ in range(3)]
        assert [stream.status_code for stream in streams] == [200, 200, 503]
        assert streams[2].json["code"] == "too_many_streams"
        assert streams[2].headers["Retry-After"]

    with client.get(job["urls"]["events"]) as stream:
        assert stream.status_code == 200


def test_a_stream_ends_when_its_job_is_deleted(client: FlaskClient, job: dict[str, Any]) -> None:
    with client.get(job["urls"]["events"], buffered=False) as stream:
        told = iter(stream.response)
        first = [next(told), next(told)]
        assert client.delete(job["urls"]["self"]).status_code == 204

        assert list(told) == []
    assert b'"status": "queued"' in b"".join(first)


def test_a_stream_ends_when_the_database_goes(
    client: FlaskClient, service: JobService, job: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with client.get(job["urls"]["events"], buffered=False) as stream:
        told = iter(stream.response)
        next(told), next(told)

        def fail(*_: object, **__: object) -> None:
            raise OperationalError("SELECT", {}, Exception("away"))

        monkeypatch.setattr(JobService, "version", fail)
        assert list(told) == []


def test_a_long_history_is_told_to_its_end(
    client: FlaskClient, service: JobService, job: dict[str, Any]
) -> None:
    with service.sessions.begin() as session:
        run = lifecycle.claim(session, "stylize", "w", 60)
        assert run is not None
        for step in range(450):
            lifecycle.report_progress(session, run, {"step": step})
        lifecycle.fail(session, run, {"code": "x", "detail": "y", "retryable": False})

    with client.get(job["urls"]["events"]) as stream:
        text = stream.text

    assert text.count("event: progress") == 450
    assert text.rstrip().splitlines()[-1] == 'data: {"status": "failed"}'


def test_large_bodies_come_a_few_at_a_time(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = ConcurrencyLimits(4)
    monkeypatch.setitem(app.extensions, "concurrency", few)
    large = {"CONTENT_LENGTH": "90000000"}
    unsaid = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
    paths = ["/v1/jobs", "/v1/datasets", "/v1/batches"]

    def send(path: str, environ: dict[str, Any]) -> Any:
        of_a_form = {"CONTENT_TYPE": "multipart/form-data; boundary=b"} | environ
        return client.post(path, data=b"--b--\r\n", environ_overrides=of_a_form)

    let_in = [send(path, environ).status_code for path in paths for environ in (large, unsaid)]
    assert few.try_acquire_body()
    refused = [send(path, environ) for path in paths for environ in (large, unsaid)]
    small = client.post("/v1/jobs", data={"kind": "stylize"})
    few.release_body()

    assert {answer.json["code"] for answer in refused} == {"busy"}
    assert {answer.status_code for answer in refused} == {503}
    assert 503 not in let_in
    assert small.status_code == 422


def test_slow_decodes_of_one_owner_leave_slots_for_others() -> None:
    limits = ConcurrencyLimits(16)
    with ExitStack() as held:
        for _ in range(4):
            held.enter_context(limits.slow_slot("ada"))
        assert not limits.has_slow_slot("ada")
        with pytest.raises(BusyError), limits.slow_slot("ada"):
            pass
        for number in range(10):
            held.enter_context(limits.slow_slot(f"bob{number % 3}"))
        # Fourteen of sixteen threads wait; the others answer requests that do not wait.
        assert limits.has_slow_slot("cleo")
        with pytest.raises(BusyError), limits.slow_slot("cleo"):
            pass
    assert limits.has_slow_slot("ada")
    assert [limits.try_acquire() for _ in range(16)].count(True) == 12


def test_an_owner_with_too_many_slow_files_is_refused_at_once(
    app: Flask, client: FlaskClient, picture: Picture
) -> None:
    limits: ConcurrencyLimits = app.extensions["concurrency"]
    with ExitStack() as held:
        while limits.has_slow_slot(LOCAL_OWNER):
            held.enter_context(limits.slow_slot(LOCAL_OWNER))
        refused = client.post("/v1/uploads", data={"file": (io.BytesIO(picture()), "p.png")})
        assert client.get("/healthz").status_code == 200
    taken = client.post("/v1/uploads", data={"file": (io.BytesIO(picture()), "p.png")})

    assert (refused.status_code, refused.json["code"]) == (503, "busy")
    assert int(refused.headers["Retry-After"]) > 0
    assert taken.status_code == 201


def test_the_gallery_takes_no_slot_of_the_visitor(
    app: Flask, client: FlaskClient, picture: Picture
) -> None:
    limits: ConcurrencyLimits = app.extensions["concurrency"]
    own = {"file": (io.BytesIO(picture(40, 40, seed=9)), "p.png"), "title": "Mine"}
    style = client.post("/v1/styles", data=own).json
    with ExitStack() as held:
        while limits.has_slow_slot(LOCAL_OWNER):
            held.enter_context(limits.slow_slot(LOCAL_OWNER))
        assert client.get("/v1/styles/woodcut/image?size=96").status_code == 200
        assert client.get(f"{style['urls']['self']}/image?size=96").status_code == 503


def test_requests_without_a_body_are_served_while_large_ones_are_read(
    app: Flask, client: FlaskClient
) -> None:
    held: BodyBytes = app.extensions["body_bytes"]
    assert held.try_acquire(held.most)
    ended = {"wsgi.input_terminated": True}  # as gunicorn says of every request
    assert client.get("/v1/styles", environ_overrides=ended).status_code == 200
    chunked = {"Transfer-Encoding": "chunked"}
    refused = client.post("/v1/uploads", headers=chunked, environ_overrides=ended)
    assert refused.status_code == 503
    held.release(held.most)


def test_the_decoding_of_one_request_has_an_end(
    client: FlaskClient, service: JobService, picture: Picture
) -> None:
    settings = service.settings.model_copy(update={"decode_request_seconds": 1e-6})
    service.settings = service.uploads._settings = settings
    refused = client.post("/v1/uploads", data={"file": (io.BytesIO(picture()), "p.png")})

    assert (refused.status_code, refused.json["code"]) == (503, "busy")
    assert "send fewer at a time" in refused.json["detail"]


def test_bodies_share_a_limit_of_memory(app: Flask, client: FlaskClient, picture: Picture) -> None:
    held = app.extensions["body_bytes"]
    assert held.most >= 300_000_000
    assert held.try_acquire(held.most - 1_500_000)
    small = client.post("/v1/uploads", data={"file": (io.BytesIO(picture()), "p.png")})
    large = client.post("/v1/uploads", data={"file": (io.BytesIO(b"0" * 2_000_000), "p.png")})
    held.release(held.most - 1_500_000)
    alone = client.post("/v1/uploads", data={"file": (io.BytesIO(b"0" * 2_000_000), "p.png")})

    assert small.status_code == 201
    assert (large.status_code, large.json["code"]) == (503, "busy")
    assert alone.status_code == 415
    assert held.try_acquire(held.most)  # nothing is left of the requests
