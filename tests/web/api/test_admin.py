"""What operators see and do: everybody's jobs without their pictures, and the workers."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from jobs.accounts.api_keys import Scope
from jobs.queue import lifecycle
from jobs.queue.workers import register_worker
from jobs.service import JobService
from jobs.settings import Settings
from web import create_app

Headers = dict[str, str]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"api_keys": "on"})


@pytest.fixture
def app(settings: Settings, service: JobService) -> Flask:
    return create_app(settings, service)


def headers(app: Flask, owner: str, *scopes: Scope) -> Headers:
    _, token = app.extensions["keys"].create(owner, scopes)
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def ada(app: Flask) -> Headers:
    return headers(app, "ada", Scope.READ, Scope.SUBMIT)


@pytest.fixture
def keeper(app: Flask) -> Headers:
    """Who runs the service, and may do that alone."""
    return headers(app, "keeper", Scope.ADMIN)


@pytest.fixture
def submit(client: FlaskClient, picture: Callable[..., bytes]) -> Callable[..., Any]:
    def make(who: Headers, seed: int = 0) -> Any:
        form = {"content": (io.BytesIO(picture(seed=seed)), "p.png"), "style_id": "woodcut"}
        return client.post("/v1/jobs", data=form, headers=who).json

    return make


def claim(service: JobService, owner: str = "host:7:run") -> lifecycle.Run:
    with service.sessions.begin() as session:
        run = lifecycle.claim(session, "stylize", owner, 60)
    assert run is not None
    return run


def test_everybodys_jobs_page_by_page(
    client: FlaskClient, app: Flask, submit: Callable[..., Any], ada: Headers, keeper: Headers
) -> None:
    bob = headers(app, "bob", Scope.READ, Scope.SUBMIT)
    ids = [submit(who, seed)["id"] for seed, who in enumerate((ada, bob, ada))]

    def listed(query: str = "") -> list[tuple[str, str]]:
        answer = client.get(f"/v1/admin/jobs{query}", headers=keeper)
        assert answer.status_code == 200, answer.text
        return [(job["id"], job["owner"]) for job in answer.json["jobs"]]

    assert listed() == [(ids[2], "ada"), (ids[1], "bob"), (ids[0], "ada")]
    assert listed("?owner=bob") == [(ids[1], "bob")]
    assert listed("?owner=nobody") == []
    assert listed("?status=running") == []
    assert len(listed("?status=queued&kind=stylize")) == 3
    assert listed("?kind=video") == []
    first = client.get("/v1/admin/jobs?limit=2", headers=keeper).json
    rest = client.get(f"/v1/admin/jobs?limit=2&cursor={first['next']}", headers=keeper).json
    assert ([job["id"] for job in rest["jobs"]], rest["next"]) == ([ids[0]], None)
    # Of an owner's jobs, a cursor is one of theirs.
    other = client.get(f"/v1/admin/jobs?owner=bob&cursor={ids[0]}", headers=keeper)
    assert other.status_code == 422
    for wrong in ("?status=lost", "?kind=x", "?limit=0", "?colour=red", "?dead=perhaps"):
        assert client.get(f"/v1/admin/jobs{wrong}", headers=keeper).status_code == 422


def test_an_operator_sees_no_pictures(
    client: FlaskClient, submit: Callable[..., Any], ada: Headers, keeper: Headers
) -> None:
    """Nor parameters, nor an address that would give them away."""
    job = submit(ada)
    (seen,) = client.get("/v1/admin/jobs", headers=keeper).json["jobs"]
    assert not {"inputs", "outputs", "params", "webhook", "metrics"} & set(seen)
    assert all(url.startswith("/v1/admin/") for url in seen["urls"].values())
    # As a user, an operator is an owner like any other.
    for url in (job["urls"]["self"], job["inputs"][0]["url"], job["urls"]["output"]):
        assert client.get(url, headers=keeper).status_code == 404


def test_cancel_and_retry_for_their_owner(
    client: FlaskClient, service: JobService, submit: Callable[..., Any], ada: Headers, keeper: Headers
) -> None:
    waiting = submit(ada)
    url = f"/v1/admin/jobs/{waiting['id']}"
    assert client.post(f"{url}/retry", headers=keeper).status_code == 409
    stopped = client.post(f"{url}/cancel", headers=keeper)
    assert (stopped.status_code, stopped.json["status"]) == (200, "canceled")

    again = client.post(f"{url}/retry", headers=keeper | {"Idempotency-Key": "k"})
    assert (again.status_code, again.json["owner"]) == (202, "ada")
    assert again.json["retried_from"] == waiting["id"]
    twice = client.post(f"{url}/retry", headers=keeper | {"Idempotency-Key": "k"})
    assert twice.json["id"] == again.json["id"]
    assert client.get(f"/v1/jobs/{again.json['id']}", headers=ada).status_code == 200

    claim(service)
    asked = client.post(f"/v1/admin/jobs/{again.json['id']}/cancel", headers=keeper)
    assert (asked.status_code, asked.json["cancel_requested"]) == (202, True)
    for verb in ("cancel", "retry"):
        gone = client.post(
            f"/v1/admin/jobs/00000000-0000-0000-0000-000000000000/{verb}", headers=keeper
        )
        assert gone.status_code == 404


def test_the_dead_letters_of_all(
    client: FlaskClient, service: JobService, submit: Callable[..., Any], ada: Headers, keeper: Headers
) -> None:
    job = submit(ada)
    run = claim(service)
    with service.sessions.begin() as session:
        lifecycle.fail(session, run, {"code": "stalled", "detail": "Given up.", "retryable": True})
    (dead,) = client.get("/v1/admin/jobs?dead=true", headers=keeper).json["jobs"]
    assert (dead["id"], dead["dead"], dead["error"]["detail"]) == (job["id"], True, "Given up.")
    client.post(dead["urls"]["retry"], headers=keeper)
    assert client.get("/v1/admin/jobs?dead=true", headers=keeper).json["jobs"] == []


def test_who_is_at_work(
    client: FlaskClient, service: JobService, submit: Callable[..., Any], ada: Headers, keeper: Headers
) -> None:
    assert client.get("/v1/admin/workers", headers=keeper).json == {"workers": []}
    job = submit(ada)
    claim(service)
    with service.sessions.begin() as session:
        register_worker(session, "host:7", ["stylize"])
        register_worker(session, "host:8", ["train"])
    busy, idle = client.get("/v1/admin/workers", headers=keeper).json["workers"]
    assert (busy["name"], busy["state"], busy["queues"]) == ("host:7", "busy", ["stylize"])
    assert (busy["job"]["id"], busy["job"]["owner"], busy["job"]["worker"]) == (
        job["id"],
        "ada",
        "host:7",
    )
    assert busy["seen_at"] < busy["lease_expires_at"]
    assert (idle["name"], idle["state"], idle["job"]) == ("host:8", "idle", None)


@pytest.mark.parametrize("path", ["/v1/admin/jobs", "/v1/admin/workers"])
def test_only_for_operators(client: FlaskClient, app: Flask, ada: Headers, path: str) -> None:
    assert client.get(path).status_code == 401
    refused = client.get(path, headers=ada)
    assert (refused.status_code, refused.json["code"]) == (403, "missing_scope")


def test_the_last_hour_is_counted_by_status(
    client: FlaskClient, submit: Callable[..., Any], ada: Headers, keeper: Headers
) -> None:
    for seed in (1, 2):
        client.post(submit(ada, seed)["urls"]["cancel"], headers=ada)
    history = client.get("/v1/admin/history", headers=keeper).json
    refused = client.get("/v1/admin/history", headers=ada)

    assert history["step_minutes"] == 5
    assert {status: len(counts) for status, counts in history["ended"].items()} == {
        "canceled": 12,
        "failed": 12,
        "succeeded": 12,
    }
    assert sum(history["ended"]["canceled"]) == 2
    assert refused.status_code == 403
