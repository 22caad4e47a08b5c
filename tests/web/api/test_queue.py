"""Priorities, deadlines, retries, dead letters, limits, pauses and chosen ids, as clients see them."""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from sqlalchemy import func, select, update
from support.maintenance import maintenance_of
from werkzeug.test import TestResponse

from jobs.db.models.jobs import Job
from jobs.queue import lifecycle
from jobs.service import JobService

Picture = Callable[..., bytes]


def form(picture: Picture, **fields: Any) -> dict[str, Any]:
    files = {
        "content": (io.BytesIO(picture(8, 8)), "photo.png"),
        "style": (io.BytesIO(picture(8, 8, seed=1)), "painting.png"),
    }
    return {name: value for name, value in (files | fields).items() if value is not None}


@pytest.fixture
def submit(client: FlaskClient, picture: Picture) -> Callable[..., dict[str, Any]]:
    def make(headers: dict[str, str] | None = None, **fields: Any) -> dict[str, Any]:
        response = client.post("/v1/jobs", data=form(picture, **fields), headers=headers or {})
        assert response.status_code == 202, response.text
        body: dict[str, Any] = response.json
        return body

    return make


def limit(service: JobService, **limits: int) -> None:
    service.settings = service.settings.model_copy(update=limits)


def give_up(service: JobService, *, retryable: bool) -> None:
    with service.sessions.begin() as session:
        run = lifecycle.claim(session, "stylize", "w", 60)
        assert run is not None
        error = {"code": "internal", "detail": "It broke.", "retryable": retryable}
        lifecycle.fail(session, run, error)


def count_jobs(service: JobService) -> int:
    with service.sessions() as session:
        return session.scalar(select(func.count()).select_from(Job)) or 0


# -- deadlines --------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["header", "field", "both"])
def test_a_deadline_is_a_header_or_a_field(submit: Any, how: str) -> None:
    headers = {"Cancel-After": "90"} if how != "field" else {}
    fields = {"cancel_after": "90"} if how != "header" else {}

    job = submit(headers, **fields)

    after = datetime.fromisoformat(job["cancel_at"]) - datetime.fromisoformat(job["created_at"])
    assert after.total_seconds() == 90


@pytest.mark.parametrize(
    ("header", "field"), [("0", None), ("soon", None), ("700000", None), (None, "-5"), ("9", "8")]
)
def test_a_deadline_that_makes_no_sense(
    client: FlaskClient, service: JobService, picture: Picture, header: str | None, field: str | None
) -> None:
    headers = {"Cancel-After": header} if header else {}

    response = client.post("/v1/jobs", data=form(picture, cancel_after=field), headers=headers)

    assert response.status_code == 422
    assert response.json["errors"][0]["pointer"] == "cancel_after"
    assert count_jobs(service) == 0


def test_a_job_past_its_deadline_says_why_it_was_canceled(
    client: FlaskClient, service: JobService, submit: Any
) -> None:

    job = submit(cancel_after="60")
    assert maintenance_of(service).cancel_overdue() == []
    with service.sessions.begin() as session:
        past = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
        session.execute(update(Job).values(cancel_at=past))

    assert maintenance_of(service).cancel_overdue() == [job["id"]]

    now = client.get(job["urls"]["self"]).json
    assert (now["status"], now["cancel_reason"]) == ("canceled", "deadline")
    assert '"reason": "deadline"' in client.get(job["urls"]["events"]).text


def test_a_running_job_past_its_deadline_is_told_to_stop(service: JobService, submit: Any) -> None:

    job = submit(cancel_after="60")
    with service.sessions.begin() as session:
        run = lifecycle.claim(session, "stylize", "w", 60)
        session.execute(update(Job).values(cancel_at=lifecycle.now(session)))
    assert run is not None

    maintenance_of(service).cancel_overdue()
    with service.sessions.begin() as session:
        assert lifecycle.heartbeat(session, run, 60) is True
        lifecycle.finish_canceled(session, run)

    ended = service.get(job["id"])
    assert (ended.status, ended.cancel_reason) == ("canceled", "deadline")


# -- retries and dead letters -----------------------------------------------------------------------


def test_dead_letters_are_listed_until_they_are_retried(
    client: FlaskClient, service: JobService, submit: Any
) -> None:
    spent, broken = submit()["id"], submit(alpha="0.2")["id"]
    give_up(service, retryable=True)
    give_up(service, retryable=False)

    def dead(value: str = "true") -> list[str]:
        page = client.get(f"/v1/jobs?status=failed&dead={value}").json
        return [job["id"] for job in page["jobs"]]

    assert (dead(), dead("false")) == ([spent], [broken])
    response = client.post(f"/v1/jobs/{spent}/retry")

    again = response.json
    assert response.status_code == 202
    assert response.headers["Location"] == again["urls"]["self"]
    assert (again["retried_from"], again["status"], again["attempt"]) == (spent, "queued", 0)
    before = client.get(f"/v1/jobs/{spent}").json
    assert (before["status"], before["dead"]) == ("failed", True)
    assert [file["sha256"] for file in again["inputs"]] == [f["sha256"] for f in before["inputs"]]
    assert again["params"] == before["params"]
    assert dead() == []


def test_a_canceled_job_is_retried_with_all_that_was_asked(client: FlaskClient, submit: Any) -> None:
    asked = {"priority": "4", "use_cache": "false", "alpha": "0.3", "expires_in": "3600"}
    job = submit(cancel_after="90", **asked)
    client.post(job["urls"]["cancel"])

    again = client.post(job["urls"]["retry"]).json

    after = datetime.fromisoformat(again["cancel_at"]) - datetime.fromisoformat(again["created_at"])
    assert after.total_seconds() == 90
    kept = datetime.fromisoformat(again["expires_at"]) - datetime.fromisoformat(again["created_at"])
    assert kept.total_seconds() == 3600
    assert (again["priority"], again["params"]["alpha"]) == (4, 0.3)


def test_a_retry_with_a_key_is_made_once(client: FlaskClient, service: JobService, submit: Any) -> None:
    first, second = submit(), submit(alpha="0.1")
    give_up(service, retryable=True)
    give_up(service, retryable=True)
    key = {"Idempotency-Key": "again"}

    ids = {client.post(first["urls"]["retry"], headers=key).json["id"] for _ in range(2)}
    other = client.post(second["urls"]["retry"], headers=key)

    assert len(ids) == 1
    assert other.status_code == 422


@pytest.mark.parametrize("status", ["queued", "running", "succeeded"])
def test_only_what_failed_or_was_canceled_is_retried(
    client: FlaskClient, service: JobService, submit: Any, status: str
) -> None:
    job = submit()
    if status != "queued":
        with service.sessions.begin() as session:
            run = lifecycle.claim(session, "stylize", "w", 60)
            if status == "succeeded" and run is not None:
                lifecycle.succeed(session, run, {})

    response = client.post(job["urls"]["retry"])

    assert (response.status_code, response.json["code"]) == (409, "conflict")
    assert count_jobs(service) == 1


# -- limits -----------------------------------------------------------------------------------------


def test_over_the_limit_is_429_and_says_when_to_come_back(
    client: FlaskClient, service: JobService, picture: Picture, submit: Any
) -> None:
    limit(service, max_queued_per_owner=1)
    submit()

    response = client.post("/v1/jobs", data=form(picture, alpha="0.1"))

    assert (response.status_code, response.json["code"]) == (429, "over_limit")
    assert response.json["retryable"] is True
    assert int(response.headers["Retry-After"]) > 0
    assert count_jobs(service) == 1


def test_a_full_queue_is_503_and_says_when_to_come_back(
    client: FlaskClient, service: JobService, picture: Picture, submit: Any
) -> None:
    limit(service, max_queued=1)
    submit()

    for path in ("/v1/jobs", f"/v1/jobs/{uuid.uuid4()}"):
        method = client.post if path == "/v1/jobs" else client.put
        response = method(path, data=form(picture, alpha="0.1"))
        assert (response.status_code, response.json["code"]) == (503, "queue_full")
        assert int(response.headers["Retry-After"]) > 0
    assert count_jobs(service) == 1


# -- queues -----------------------------------------------------------------------------------------


def test_a_paused_queue_takes_jobs_and_starts_none(
    client: FlaskClient, service: JobService, submit: Any
) -> None:
    assert client.post("/v1/queues/stylize/pause").json["paused"] is True
    first = client.get("/v1/queues").json["queues"][0]["paused_at"]
    assert client.post("/v1/queues/stylize/pause").json["paused_at"] == first  # twice is once
    job = submit()
    with service.sessions.begin() as session:
        assert lifecycle.claim(session, "stylize", "w", 60) is None
    assert job["queue"] == {"position": 0, "eta_s": None, "paused": True}

    resumed = client.post("/v1/queues/stylize/resume").json

    assert (resumed["paused"], resumed["queued"], resumed["running"]) == (False, 1, 0)
    with service.sessions.begin() as session:
        assert lifecycle.claim(session, "stylize", "w", 60) is not None


def test_queues_are_as_described(client: FlaskClient) -> None:
    queues = client.get("/v1/queues").json["queues"]

    schema = client.get("/openapi.json").json["components"]["schemas"]["Queue"]
    assert [queue["name"] for queue in queues] == ["stylize", "train"]
    for queue in queues:
        Draft202012Validator(schema).validate(queue)


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_a_queue_that_is_not_there(client: FlaskClient, verb: str) -> None:
    response = client.post(f"/v1/queues/sculpt/{verb}")

    assert response.status_code == 404
    assert "stylize" in response.json["detail"]


# -- a chosen id ------------------------------------------------------------------------------------


def put(client: FlaskClient, picture: Picture, job_id: object, **fields: Any) -> TestResponse:
    return client.put(f"/v1/jobs/{job_id}", data=form(picture, **fields))


def test_put_twice_is_once_also_after_the_end(
    client: FlaskClient, service: JobService, picture: Picture
) -> None:
    chosen = uuid.uuid4()
    first, again = put(client, picture, chosen), put(client, picture, str(chosen).upper())
    give_up(service, retryable=False)
    late = put(client, picture, chosen)

    assert (first.status_code, again.status_code, late.status_code) == (202, 202, 200)
    assert first.headers["Location"] == f"/v1/jobs/{chosen}"
    assert {first.json["id"], again.json["id"], late.json["id"]} == {str(chosen)}
    assert late.json["status"] == "failed"
    assert count_jobs(service) == 1


def test_put_with_another_body_is_refused(client: FlaskClient, picture: Picture) -> None:
    chosen = uuid.uuid4()
    put(client, picture, chosen)

    for other in ({"alpha": "0.1"}, {"priority": "1"}, {"content": (io.BytesIO(picture(9, 9)), "p")}):
        response = put(client, picture, chosen, **other)
        assert response.status_code == 422
        assert response.json["errors"][0]["pointer"] == "job_id"


def test_an_id_of_another_owner_is_not_told_from_none(
    client: FlaskClient, service: JobService, picture: Picture
) -> None:
    chosen = put(client, picture, uuid.uuid4()).json["id"]
    with service.sessions.begin() as session:
        from jobs.db.upserts import ensure_owner

        ensure_owner(session, "eve")
        session.execute(update(Job).values(owner="eve"))

    taken = put(client, picture, chosen)

    assert taken.status_code == 404
    assert "eve" not in taken.text
    assert count_jobs(service) == 1


@pytest.mark.parametrize("chosen", ["7", "not-a-uuid", "00000000-0000-0000-0000-00000000000g"])
def test_an_id_that_is_no_uuid(client: FlaskClient, picture: Picture, chosen: str) -> None:
    response = put(client, picture, chosen)

    assert response.status_code == 422
    assert response.json["errors"][0]["pointer"] == "job_id"


# -- earlier results --------------------------------------------------------------------------------


def test_the_same_question_is_answered_with_200(
    client: FlaskClient, service: JobService, picture: Picture, submit: Any
) -> None:
    from jobs.blobs.rows import upsert_blob
    from jobs.db.models.jobs import JobFile
    from jobs.db.upserts import upsert_network_version
    from jobs.media.pictures import PictureInfo

    submit()
    with service.sessions.begin() as session:
        at = lifecycle.now(session)
        upsert_network_version(session, "slim", "v1", at)
        run = lifecycle.claim(session, "stylize", "w", 60)
        assert run is not None
        lifecycle.succeed(session, run, {}, network_version="v1")
        sha256 = service.storage.put(b"made")
        upsert_blob(session, sha256, 4, PictureInfo(media_type="image/png", width=8, height=8), at)
        session.add(JobFile(job_id=run.job_id, direction="output", role="image", sha256=sha256))

    again = client.post("/v1/jobs", data=form(picture))
    anew = client.post("/v1/jobs", data=form(picture, use_cache="false"))

    assert (again.status_code, again.json["cached"], again.json["network_version"]) == (200, True, "v1")
    assert client.get(again.json["outputs"][0]["url"]).data == b"made"
    assert (anew.status_code, anew.json["cached"]) == (202, False)
    assert client.post("/v1/jobs", data=form(picture, use_cache="maybe")).status_code == 422


@pytest.mark.parametrize("query", ["dead=perhaps", "dead="])
def test_a_filter_that_makes_no_sense(client: FlaskClient, query: str) -> None:
    assert client.get(f"/v1/jobs?{query}").status_code == 422
