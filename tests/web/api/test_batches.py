from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from PIL import Image
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from jobs.db.models.blobs import Blob
from jobs.db.models.jobs import Batch, Job
from jobs.db.models.operations import OutboxMessage
from jobs.media import decode_caller
from jobs.queue import lifecycle
from jobs.service import JobService

Picture = Callable[..., bytes]
Post = Callable[..., TestResponse]


@pytest.fixture
def post(client: FlaskClient, picture: Picture) -> Post:
    def send(contents: int = 2, styles: int = 1, key: str | None = None, **fields: Any) -> TestResponse:
        files = {
            "content": [(io.BytesIO(picture(8, 8, seed=n)), f"{n}.png") for n in range(contents)],
            "style": [(io.BytesIO(picture(8, 8, seed=90 + n)), f"s{n}.png") for n in range(styles)],
        }
        headers = {"Idempotency-Key": key} if key else {}
        return client.post("/v1/batches", data=files | fields, headers=headers)

    return send


def count(service: JobService, model: type[Any]) -> int:
    with service.sessions() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def test_every_photo_in_every_style(client: FlaskClient, service: JobService, post: Post) -> None:
    response = post(3, 1, style_id=["woodcut", "night-oils"], alpha="0.5", priority="3")

    batch = response.json
    assert response.status_code == 202
    assert response.headers["Location"] == batch["urls"]["self"]
    assert (batch["total"], batch["counts"]["queued"], batch["done"]) == (9, 9, False)
    jobs = client.get(batch["urls"]["jobs"] + "&limit=100").json["jobs"]
    assert {job["batch_id"] for job in jobs} == {batch["id"]}
    assert {(job["params"]["alpha"], job["priority"]) for job in jobs} == {(0.5, 3)}
    pairs = [tuple(file["sha256"] for file in job["inputs"]) for job in jobs]
    assert len(set(pairs)) == 9
    assert len({content for content, _ in pairs}) == 3
    assert len({style for _, style in pairs}) == 3
    assert count(service, OutboxMessage) == 9
    assert client.get("/v1/jobs?batch_id=other").json["jobs"] == []


def test_jobs_run_in_the_order_of_the_photos(
    client: FlaskClient, service: JobService, post: Post
) -> None:
    batch = post(4).json
    newest_first = client.get(batch["urls"]["jobs"]).json["jobs"]

    order = []
    for _ in range(4):
        with service.sessions.begin() as session:
            run = lifecycle.claim(session, "stylize", "w", 60)
        assert run is not None
        order.append(run.job_id)

    assert order == [job["id"] for job in newest_first][::-1]
    photos = [service.get(job_id).inputs[0].sha256 for job_id in order]
    assert photos == [client.get(f"/v1/jobs/{i}").json["inputs"][0]["sha256"] for i in order]


def test_counts_follow_the_jobs(client: FlaskClient, service: JobService, post: Post) -> None:
    url = post(3).json["urls"]["self"]
    with service.sessions.begin() as session:
        first = lifecycle.claim(session, "stylize", "w", 60)
        second = lifecycle.claim(session, "stylize", "w", 60)
        assert first is not None
        assert second is not None
        lifecycle.succeed(session, first, {})

    batch = client.get(url).json

    nonzero = {status: number for status, number in batch["counts"].items() if number}
    assert nonzero == {"queued": 1, "running": 1, "succeeded": 1}
    document = client.get("/openapi.json").json
    Draft202012Validator({**document, "$ref": "#/components/schemas/Batch"}).validate(batch)
    assert set(batch) == set(document["components"]["schemas"]["Batch"]["properties"])


def test_canceling_a_batch(client: FlaskClient, service: JobService, post: Post) -> None:
    batch, other = post(3).json, post(2, alpha="0.1").json
    with service.sessions.begin() as session:
        run = lifecycle.claim(session, "stylize", "w", 60)
    assert run is not None

    response = client.post(batch["urls"]["cancel"])
    with service.sessions.begin() as session:
        assert lifecycle.heartbeat(session, run, 60) is True
        lifecycle.finish_canceled(session, run)
    again = client.post(batch["urls"]["cancel"])

    assert (response.status_code, response.json["counts"]["canceled"]) == (202, 2)
    assert (again.status_code, again.json["done"]) == (200, True)
    assert client.get(other["urls"]["self"]).json["counts"]["queued"] == 2


BAD: dict[str, tuple[dict[str, Any], int, str]] = {
    "one of the photos is text": ({"bad": True}, 415, "content[2]"),
    "no photo": ({"contents": 0}, 422, "content"),
    "no style": ({"styles": 0}, 422, "style"),
    "a style that is not there": ({"style_id": ["woodcut", "no-such"]}, 422, "style_id"),
    "a bad parameter": ({"alpha": "7"}, 422, "alpha"),
    "a parameter twice": ({"alpha": ["0.1", "0.2"]}, 422, "alpha"),
    "an unknown field": ({"colour": "red"}, 422, "colour"),
    "too many": ({"contents": 15, "styles": 15}, 422, "content"),
}


@pytest.mark.parametrize("case", BAD)
def test_all_or_nothing(
    post: Post,
    service: JobService,
    client: FlaskClient,
    picture: Picture,
    stored: set[Path],
    local_storage: Any,
    case: str,
) -> None:
    arguments, status, pointer = BAD[case]
    blobs = count(service, Blob)
    if arguments.get("bad"):
        photos = [(io.BytesIO(picture(8, 8, seed=n)), "p.png") for n in range(2)]
        files = [*photos, (io.BytesIO(b"text"), "t.png")]
        data = {"content": files, "style": (io.BytesIO(picture(8, 8)), "s.png")}
        response = client.post("/v1/batches", data=data)
    else:
        response = post(**arguments)

    assert (response.status_code, response.mimetype) == (status, "application/problem+json")
    assert pointer in [error["pointer"] for error in response.json["errors"]]
    assert (count(service, Job), count(service, Batch), count(service, Blob)) == (0, 0, blobs)
    assert {path for path in local_storage.folder.rglob("*") if path.is_file()} == stored


def test_a_batch_that_does_not_fit_is_refused_whole(service: JobService, post: Post) -> None:
    service.settings = service.settings.model_copy(update={"max_queued_per_owner": 4})
    assert post(3).status_code == 202

    response = post(2, alpha="0.1")

    assert (response.status_code, response.json["code"]) == (429, "over_limit")
    assert (count(service, Job), count(service, Batch)) == (3, 1)


def test_the_same_key_gives_the_same_batch(service: JobService, post: Post) -> None:
    first, again = post(2, key="k"), post(2, key="k")
    other = post(3, key="k")

    assert first.json["id"] == again.json["id"]
    assert (other.status_code, other.json["errors"][0]["pointer"]) == (422, "Idempotency-Key")
    assert count(service, Job) == 2


@pytest.mark.parametrize("verb", ["GET", "POST"])
def test_a_batch_that_is_not_there(client: FlaskClient, verb: str) -> None:
    path = "/v1/batches/nothing" + ("/cancel" if verb == "POST" else "")

    assert client.open(path, method=verb).status_code == 404


def test_a_batch_may_be_larger_than_a_job(client: FlaskClient, picture: Picture, post: Post) -> None:
    # More parts than the form of a single job may have.
    assert post(30).json["total"] == 30


def tiff(side: int, seed: int) -> bytes:
    noise = np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "TIFF")
    return out.getvalue()


def test_pictures_that_grow_when_they_are_stored_have_a_limit(
    client: FlaskClient, service: JobService, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As PNG, a HEIC of 0.4 MB may take 85 MB of the web server's memory until the batch is stored."""
    monkeypatch.setattr(decode_caller, "MAX_CONVERTED_BYTES", 10_000)

    def send(files: list[bytes]) -> TestResponse:
        contents = [(io.BytesIO(data), f"{n}.tif") for n, data in enumerate(files)]
        return client.post("/v1/batches", data={"content": contents, "style_id": "woodcut"})

    assert send([tiff(40, 0), tiff(40, 1)]).status_code == 202  # 4.9 kB each
    kept = count(service, Blob)
    refused = send([tiff(40, 2), tiff(40, 3), tiff(40, 4)])
    assert (refused.status_code, refused.json["code"]) == (413, "picture_too_large")
    assert "send fewer at a time" in refused.json["detail"]
    assert count(service, Blob) == kept
    # What is stored as it is takes no more memory than the request had bytes.
    assert send([picture(80, 80, seed=seed) for seed in range(3)]).status_code == 202
