"""Every route of the application: who may call it, and that nobody sees what is another's."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from support.tests_support import network_file, zipped
from werkzeug.routing import Rule

from jobs.accounts.api_keys import Scope
from jobs.blobs.rows import store_blob
from jobs.db.models.catalog import Style
from jobs.db.models.jobs import Base, Job, JobFile
from jobs.db.models.trainings import TrainedNetwork
from jobs.media.pictures import PictureInfo
from jobs.queue import lifecycle
from jobs.service import JobService
from jobs.settings import Settings
from web import create_app
from web.security.access import ROUTES, Access

Picture = Callable[..., bytes]
OWNED = {Access.READ, Access.SUBMIT}
#: Routes of an owner's without an id in the path; how each is seen to keep to its owner is told below.
WITHOUT_ID = {
    "pages.studio",
    "pages.video",
    "pages.live",
    "pages.training",
    "batches.submit",
    "jobs.list_jobs",
    "jobs.submit",
    "networks.list_networks",
    "networks.create",
    "datasets.list_datasets",
    "datasets.create",
    "styles.list_styles",
    "styles.create",
    "uploads.create",
    "simple.stylize",
    "simple.stylize_download",
}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"api_keys": "on"})


@pytest.fixture
def app(settings: Settings, service: JobService) -> Flask:
    return create_app(settings, service)


def token_of(app: Flask, owner: str, *scopes: Scope) -> dict[str, str]:
    _, token = app.extensions["keys"].create(owner, scopes or (Scope.READ, Scope.SUBMIT))
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def ada(app: Flask) -> dict[str, str]:
    return token_of(app, "ada")


@pytest.fixture
def eve(app: Flask) -> dict[str, str]:
    """Somebody with a key of her own, and all scopes."""
    return token_of(app, "eve", *Scope)


@pytest.fixture
def things(
    client: FlaskClient, service: JobService, picture: Picture, ada: dict[str, str]
) -> dict[str, str]:
    """One of everything that Ada may own: the name that routes use → its id."""
    upload = client.post("/v1/uploads", data={"file": file(picture())}, headers=ada).json
    style = client.post(
        "/v1/styles", data={"file": file(picture(seed=1)), "title": "Ada's own"}, headers=ada
    ).json
    body = {"content": {"upload": upload["id"]}, "style_id": style["id"]}
    job = client.post("/v1/jobs", json=body, headers=ada).json
    form = {"content": [file(picture(seed=3))], "style_id": "woodcut"}
    batch = client.post("/v1/batches", data=form, headers=ada).json
    network = client.post(
        "/v1/networks", data={"file": file(network_file()), "name": "adas"}, headers=ada
    ).json
    archive = zipped({"a.png": picture(seed=6)})
    dataset = client.post(
        "/v1/datasets", data={"file": file(archive), "name": "Ada's own"}, headers=ada
    ).json
    info = PictureInfo(media_type="image/png", width=48, height=32)
    sha256 = store_blob(service.sessions, service.storage, picture(seed=2), info)
    with service.sessions.begin() as session:
        run = lifecycle.claim(session, "stylize", "w", 60)
        assert run is not None
        lifecycle.succeed(session, run, {})
        for direction in ("output", "sample"):
            session.add(JobFile(job_id=job["id"], direction=direction, role="image", sha256=sha256))
        session.execute(update(TrainedNetwork).values(sample_sha256=sha256))
    return {
        "network_id": network["id"],
        "which": "sample",
        "dataset_id": dataset["id"],
        "number": "0",
        "step": "0",
        "job_id": job["id"],
        "upload_id": upload["id"],
        "style_id": style["id"],
        "batch_id": batch["id"],
        "role": "content",
        "name": "stylize",
    }


def file(data: bytes) -> tuple[io.BytesIO, str]:
    return io.BytesIO(data), "picture.png"


def rules(app: Flask) -> Iterator[Rule]:
    yield from app.url_map.iter_rules()


def methods(rule: Rule) -> list[str]:
    return sorted((rule.methods or set()) - {"OPTIONS"})


def path(rule: Rule, things: dict[str, str]) -> str:
    """The rule's path with Ada's things in it. A new kind of id must be added to `things`."""
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda match: things[match[1]], rule.rule)


def rows(service: JobService) -> dict[str, int]:
    """How many rows each table has, but those of keys, whose use is written."""
    with service.sessions() as session:
        return {
            name: session.scalar(select(func.count()).select_from(table)) or 0
            for name, table in Base.metadata.tables.items()
            if name != "owners"
        }


def test_every_route_is_declared_and_every_declaration_is_a_route(app: Flask) -> None:
    assert {rule.endpoint for rule in rules(app)} == set(ROUTES)


def test_every_route_of_an_owner_is_tried(app: Flask) -> None:
    without = {
        rule.endpoint for rule in rules(app) if ROUTES[rule.endpoint] in OWNED and not rule.arguments
    }
    assert without == WITHOUT_ID


def test_nobody_gets_at_anothers_things_by_any_route(
    app: Flask, client: FlaskClient, service: JobService, things: dict[str, str], eve: dict[str, str]
) -> None:
    before = rows(service)
    tried = 0

    for rule in rules(app):
        if ROUTES[rule.endpoint] not in OWNED or not rule.arguments:
            continue
        for method in methods(rule):
            answer = client.open(path(rule, things), method=method, headers=eve)
            assert answer.status_code == 404, (method, rule.rule, answer.text)
            tried += 1

    assert tried >= 15
    assert rows(service) == before
    with service.sessions() as session:
        assert session.get_one(Job, things["job_id"]).cancel_requested_at is None
        assert session.get(Style, things["style_id"]) is not None


def test_the_same_routes_open_for_the_owner(
    app: Flask, client: FlaskClient, things: dict[str, str], ada: dict[str, str]
) -> None:
    """So that the test above can't pass because a path was put together wrongly."""
    order = {"DELETE": 1}
    # A job that succeeded can't be retried, and its id stands for what was asked of it.
    otherwise = {"jobs.retry": {409}, "jobs.put": {422}}
    otherwise |= {f"trainings.{verb}": {409} for verb in ("pause", "resume", "finish")}
    tried = [
        (method, rule)
        for rule in rules(app)
        if ROUTES[rule.endpoint] in OWNED and rule.arguments
        for method in methods(rule)
    ]
    for method, rule in sorted(tried, key=lambda pair: order.get(pair[0], 0)):
        body = {"style_id": "woodcut"} if method == "PUT" else None
        answer = client.open(path(rule, things), method=method, headers=ada, data=body)
        expected = otherwise.get(rule.endpoint, {200, 201, 202, 204})
        assert answer.status_code in expected, (method, rule.rule, answer.text)


def test_lists_hold_ones_own_things_alone(
    client: FlaskClient, things: dict[str, str], ada: dict[str, str], eve: dict[str, str]
) -> None:
    for kind in ("networks", "datasets"):
        answers = [client.get(f"/v1/{kind}", headers=headers).json["items"] for headers in (ada, eve)]
        own, others = ([item["id"] for item in items if item.get("own", True)] for items in answers)
        assert (own, others) == ([things[f"{kind[:-1]}_id"]], [])

    def listed(headers: dict[str, str]) -> tuple[list[str], list[str]]:
        jobs = client.get("/v1/jobs", headers=headers).json["jobs"]
        styles = client.get("/v1/styles", headers=headers).json["styles"]
        return [job["id"] for job in jobs], [style["id"] for style in styles if style["own"]]

    jobs, styles = listed(ada)
    assert things["job_id"] in jobs
    assert (len(jobs), styles) == (2, [things["style_id"]])
    assert listed(eve) == ([], [])
    for query in (f"batch_id={things['batch_id']}", "status=succeeded", "dead=false"):
        assert client.get(f"/v1/jobs?{query}", headers=eve).json["jobs"] == []
    cursor = client.get(f"/v1/jobs?cursor={things['job_id']}", headers=eve)
    assert cursor.status_code == 422


@pytest.mark.parametrize("url", ["/v1/jobs", "/v1/batches", "/stylize", "/stylize_download"])
def test_nobody_names_anothers_things(
    client: FlaskClient,
    picture: Picture,
    things: dict[str, str],
    eve: dict[str, str],
    url: str,
    service: JobService,
) -> None:
    before = rows(service)
    field = "content" if url.startswith("/v1") else "file"
    form = {field: file(picture()), "style_id": things["style_id"]}
    by_style = client.post(url, data=form, headers=eve)

    assert by_style.status_code == 422
    assert by_style.json["errors"][0]["pointer"] == "style_id"
    if url == "/v1/jobs":
        form = {"content": file(picture()), "network": "adas"}
        assert client.post(url, data=form, headers=eve).json["errors"][0]["pointer"] == "network"
        form = {"kind": "train", "name": "n", "style_id": "woodcut", "dataset_id": things["dataset_id"]}
        by_dataset = client.post(url, data=form, headers=eve)
        assert by_dataset.json["errors"][0]["pointer"] == "dataset_id"
        body = {"content": {"upload": things["upload_id"]}, "style_id": "woodcut"}
        by_upload = client.post(url, json=body, headers=eve)
        assert by_upload.status_code == 422
        assert by_upload.json["errors"][0]["pointer"] == "content.upload"
        for field in ("styles", "regions"):
            reference = [{"style_id": things["style_id"], "mask": "m"}]
            if field == "styles":
                del reference[0]["mask"]
            form = {
                "content": file(picture()),
                "m": file(picture()),
                field: json.dumps(reference),
                "style_id": "woodcut",
            }
            if field == "styles":
                del form["m"], form["style_id"]
            by_part = client.post(url, data=form, headers=eve)
            assert by_part.status_code == 422
            assert things["style_id"] in by_part.json["detail"]
    assert rows(service) == before


def test_the_same_bytes_and_the_same_keys_of_two_owners_are_two_things(
    client: FlaskClient, picture: Picture, ada: dict[str, str], eve: dict[str, str]
) -> None:
    def submit(headers: dict[str, str]) -> Any:
        form = {"content": file(picture()), "style_id": "woodcut"}
        return client.post("/v1/jobs", data=form, headers=headers | {"Idempotency-Key": "k"})

    first, second = submit(ada), submit(eve)
    third = client.post(
        "/v1/jobs", data={"content": file(picture()), "style_id": "woodcut"}, headers=eve
    )

    assert (first.status_code, second.status_code, third.json["cached"]) == (202, 202, False)
    assert first.json["id"] != second.json["id"]
    assert client.delete(first.json["urls"]["self"], headers=ada).status_code == 204
    kept = client.get(second.json["inputs"][0]["url"], headers=eve)
    assert kept.data == picture()


def test_no_thumbnail_tells_by_its_time_that_another_has_the_picture(
    client: FlaskClient,
    picture: Picture,
    ada: dict[str, str],
    eve: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[int] = []

    def shrink(*_: object, side: int) -> bytes:
        made.append(side)
        return b"small"

    monkeypatch.setattr("web.api.styles.thumbnail_in_sandbox", shrink)
    for headers in (ada, eve):
        form = {"file": file(picture(seed=9)), "title": "Mine"}
        style = client.post("/v1/styles", data=form, headers=headers).json
        for _ in range(2):
            client.get(style["urls"]["thumbnail"], headers=headers)
    assert made == [192, 192]


def test_without_a_key_nothing_but_what_is_public_opens(
    app: Flask, client: FlaskClient, things: dict[str, str]
) -> None:
    public = (
        things
        | {"filename": "studio/index.js", "name": "swagger-ui.css", "token": "none"}
        | {"photo": "coffee", "runtime_file": "ort.wasm.bundle.min.mjs"}
    )
    for rule in rules(app):
        for method in methods(rule):
            answer = client.open(path(rule, public), method=method, buffered=True)
            if ROUTES[rule.endpoint] is Access.PUBLIC:
                expected = {200, 303, 401, 403} if rule.rule in OPEN_DOORS else {200}
            elif rule.endpoint.startswith("pages."):
                expected = {303}
            else:
                expected = {401}
                assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            assert answer.status_code in expected, (method, rule.rule, answer.status_code)


#: Public routes that refuse what is not signed or not a key, and the way out.
OPEN_DOORS = {"/login", "/logout", "/v1/outputs/<token>"}


@pytest.mark.parametrize("scope", [Scope.READ, Scope.SUBMIT])
def test_a_key_does_what_its_scope_says_and_no_more(
    app: Flask, client: FlaskClient, things: dict[str, str], scope: Scope
) -> None:
    headers = token_of(app, "ada", scope)
    for rule in rules(app):
        access = ROUTES[rule.endpoint]
        if access is Access.PUBLIC or access == Access(scope):
            continue
        for method in methods(rule):
            answer = client.open(path(rule, things), method=method, headers=headers)
            assert answer.status_code == 403, (method, rule.rule)
            if method != "HEAD":
                assert answer.json["code"] == "missing_scope"


def test_a_route_that_nobody_declared_needs_an_admin(
    app: Flask, ada: dict[str, str], eve: dict[str, str]
) -> None:
    app.add_url_rule("/v1/forgotten", "forgotten", lambda: "secret")
    client = app.test_client()

    assert client.get("/v1/forgotten").status_code == 401
    assert client.get("/v1/forgotten", headers=ada).status_code == 403
    assert client.get("/v1/forgotten", headers=eve).status_code == 200
