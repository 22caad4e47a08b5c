from __future__ import annotations

import io
import json
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import func, select
from support.submitting import submit_job
from werkzeug.test import TestResponse

import jobs.service as service_module
from jobs.blobs.rows import upsert_blob
from jobs.db.models.blobs import Blob
from jobs.db.models.jobs import Job, JobEvent, JobFile
from jobs.media.pictures import PictureInfo, Upload
from jobs.queue import lifecycle
from jobs.service import JobService

Picture = Callable[..., bytes]


def form(picture: Picture, **fields: Any) -> dict[str, Any]:
    files = {
        "content": (io.BytesIO(picture()), "photo.png"),
        "style": (io.BytesIO(picture(seed=1)), "painting.png"),
    }
    return {name: value for name, value in (files | fields).items() if value is not None}


def submit(client: FlaskClient, picture: Picture, **fields: Any) -> dict[str, Any]:
    response = client.post("/v1/jobs", data=form(picture, **fields))
    assert response.status_code == 202, response.text
    body: dict[str, Any] = response.json
    return body


def finish(service: JobService, data: bytes) -> str:
    """Do a worker's part."""
    with service.sessions.begin() as session:
        run = lifecycle.claim(session, "stylize", "w", 60)
        assert run is not None
        lifecycle.succeed(session, run, {"run_s": 0.5})
        sha256 = service.storage.put(data)
        info = PictureInfo(media_type="image/png", width=48, height=32)
        upsert_blob(session, sha256, len(data), info, lifecycle.now(session))
        session.add(JobFile(job_id=run.job_id, direction="output", role="image", sha256=sha256))
        return run.job_id


def test_a_submit_is_answered_at_once(client: FlaskClient, picture: Picture) -> None:
    response = client.post("/v1/jobs", data=form(picture, kind="stylize", alpha="0.8", size="64"))

    body = response.json
    assert response.status_code == 202
    assert response.headers["Location"] == body["urls"]["self"] == f"/v1/jobs/{body['id']}"
    assert response.headers["Retry-After"]
    assert body["status"] == "queued"
    assert body["queue"] == {"position": 0, "eta_s": None, "paused": False}
    assert body["params"]["alpha"] == 0.8
    assert body["params"]["size"] == 64
    assert [(file["role"], file["width"], file["height"]) for file in body["inputs"]] == [
        ("content", 48, 32),
        ("style", 48, 32),
    ]
    assert uuid.UUID(body["id"]).version == 4


def test_a_style_of_the_gallery(client: FlaskClient, service: JobService, picture: Picture) -> None:
    style = service.styles.all()[0]

    body = submit(client, picture, style=None, style_id=style.id)

    assert body["inputs"][1]["sha256"] == style.sha256


def test_the_same_key_gives_the_same_job(
    client: FlaskClient, service: JobService, picture: Picture
) -> None:
    def post(**fields: Any) -> Any:
        headers = {"Idempotency-Key": "k1"}
        return client.post("/v1/jobs", data=form(picture, **fields), headers=headers)

    first, again = post(), post()
    other = post(alpha="0.1")
    finish(service, picture())
    late = post()

    assert again.json["id"] == first.json["id"] == late.json["id"]
    assert (late.status_code, late.json["status"]) == (200, "succeeded")
    assert (other.status_code, other.json["errors"][0]["pointer"]) == (422, "Idempotency-Key")
    assert len(client.get("/v1/jobs").json["jobs"]) == 1


def test_the_same_key_at_the_same_moment(service: JobService, picture: Picture) -> None:
    barrier = threading.Barrier(6)

    def submit_once(_: int) -> str:
        barrier.wait()
        uploads = {role: Upload(data=picture(), field=role, name=role) for role in ("content", "style")}
        return submit_job(service, "stylize", {}, idempotency_key="k", **uploads).id

    with ThreadPoolExecutor(6) as pool:
        ids = set(pool.map(submit_once, range(6)))

    assert len(ids) == 1


def test_a_mix_with_regions(client: FlaskClient, service: JobService, picture: Picture) -> None:
    first = service.styles.all()[0]
    body = submit(
        client,
        picture,
        style=None,
        mine=(io.BytesIO(picture(seed=2)), "mine.png"),
        face=(io.BytesIO(picture(8, 8)), "face.png"),
        styles=json.dumps([{"style_id": first.id, "weight": 2}, {"file": "mine"}]),
        regions=json.dumps([{"mask": "face", "file": "mine", "alpha": 0.5, "feather": 4}]),
        alphas="0,1",
    )

    roles = {file["role"]: file for file in body["inputs"]}
    assert list(roles) == ["content", "style", "style_2", "mask_1", "region_1_style"]
    assert roles["style"]["sha256"] == first.sha256
    assert roles["style_2"]["sha256"] == roles["region_1_style"]["sha256"]
    assert client.get(roles["mask_1"]["url"]).data == picture(8, 8)
    assert body["params"]["styles"][0]["weight"] == 2
    assert body["params"]["alphas"] == [0, 1]


def text_file(name: str = "photo.jpg") -> tuple[io.BytesIO, str]:
    return io.BytesIO(b"this is no picture"), name


def bomb() -> tuple[io.BytesIO, str]:
    out = io.BytesIO()
    Image.new("1", (10_000, 6_000)).save(out, "PNG")
    return io.BytesIO(out.getvalue()), "bomb.png"


def animated_gif() -> tuple[io.BytesIO, str]:
    out = io.BytesIO()
    frames = [Image.new("RGB", (9, 9), color) for color in ("red", "blue")]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    return io.BytesIO(out.getvalue()), "moving.gif"


BAD: dict[str, tuple[Callable[[Picture], dict[str, Any]], int, str]] = {
    "a text file": (lambda p: form(p, content=text_file()), 415, "content"),
    "a truncated JPEG": (
        lambda p: form(p, content=(io.BytesIO(p(200, 200, "JPEG")[:2000]), "cut.jpg")),
        422,
        "content",
    ),
    "an empty file": (lambda p: form(p, content=(io.BytesIO(), "empty.jpg")), 422, "content"),
    "a bomb of 60 megapixels": (lambda p: form(p, content=bomb()), 413, "content"),
    "an animated GIF": (lambda p: form(p, content=animated_gif()), 415, "content"),
    "a bad style beside a good photo": (lambda p: form(p, style=text_file()), 415, "style"),
    "alpha 7": (lambda p: form(p, alpha="7"), 422, "alpha"),
    "no content": (lambda p: form(p, content=None), 422, "content"),
    "no style": (lambda p: form(p, style=None), 422, "style"),
    "two styles": (lambda p: form(p, style_id="night-oils"), 422, "style"),
    "a style that is not there": (
        lambda p: form(p, style=None, style_id="no-such-style"),
        422,
        "style_id",
    ),
    "an unknown field": (lambda p: form(p, colour="red"), 422, "colour"),
    "an unknown file": (lambda p: form(p, mask=text_file()), 422, "mask"),
    "a mix and a style": (
        lambda p: form(p, styles='[{"style_id": "night-oils"}]'),
        422,
        "style",
    ),
    "a mix that names no file of the request": (
        lambda p: form(p, style=None, styles='[{"file": "mine"}]'),
        422,
        "styles.0.file",
    ),
    "a mix of weights that are nothing": (
        lambda p: form(p, style=None, styles='[{"style_id": "night-oils", "weight": 0}]'),
        422,
        "styles",
    ),
    "a mask that is no picture": (
        lambda p: form(p, face=text_file(), regions='[{"mask": "face"}]'),
        415,
        "face",
    ),
    "regions that are no JSON": (lambda p: form(p, regions="[face"), 422, "regions"),
    "a region in a style that is not there": (
        lambda p: form(
            p,
            face=(io.BytesIO(p()), "m.png"),
            regions='[{"mask": "face", "style_id": "no-such-style"}]',
        ),
        422,
        "style_id",
    ),
    "an unknown kind": (lambda p: form(p, kind="sculpt"), 422, "kind"),
    "a picture as text": (lambda p: form(p, content="photo.jpg"), 422, "content"),
    "a field twice": (lambda p: form(p, alpha=["0.1", "0.2"]), 422, "alpha"),
    "a priority out of range": (lambda p: form(p, priority="1000"), 422, "priority"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_a_clear_problem_and_leaves_nothing(
    client: FlaskClient,
    service: JobService,
    picture: Picture,
    stored: set[Path],
    local_storage: Any,
    case: str,
) -> None:
    make, status, pointer = BAD[case]
    with service.sessions() as session:
        blobs = session.scalar(select(func.count()).select_from(Blob))

    response = client.post("/v1/jobs", data=make(picture))

    body = response.json
    assert (response.status_code, response.mimetype) == (status, "application/problem+json")
    assert body["status"] == status
    assert body["code"]
    assert "\n" not in body["detail"]
    assert pointer in [error["pointer"] for error in body["errors"]]
    with service.sessions() as session:
        assert session.scalar(select(func.count()).select_from(Job)) == 0
        assert session.scalar(select(func.count()).select_from(JobEvent)) == 0
        assert session.scalar(select(func.count()).select_from(Blob)) == blobs
    assert {path for path in local_storage.folder.rglob("*") if path.is_file()} == stored


@pytest.mark.parametrize(
    ("method", "path", "arguments", "status"),
    [
        ("POST", "/v1/jobs", {"json": {}}, 422),
        ("POST", "/v1/jobs", {"json": [1]}, 400),
        ("POST", "/v1/jobs", {"data": b"{", "content_type": "application/json"}, 400),
        ("POST", "/v1/jobs", {"data": b"{}", "content_type": "text/plain"}, 415),
        ("POST", "/v1/jobs", {"data": b"x" * 60_000_000, "content_type": "image/png"}, 415),
        ("GET", "/v1/jobs/nothing", {}, 404),
        ("GET", "/v1/jobs/nothing/output", {}, 404),
        ("GET", "/v1/jobs/nothing/events", {}, 404),
        ("POST", "/v1/jobs/nothing/cancel", {}, 404),
        ("DELETE", "/v1/jobs", {}, 405),
        ("GET", "/v1/jobs?status=odd", {}, 422),
        ("GET", "/v1/jobs?limit=0", {}, 422),
        ("GET", "/v1/jobs?limit=ten", {}, 422),
        ("GET", "/v1/jobs?cursor=odd", {}, 422),
        ("GET", "/v1/jobs?colour=red", {}, 422),
        ("GET", "/v1/styles/none", {}, 404),
        ("GET", "/v1/styles/night-oils/image?size=5000", {}, 422),
        ("GET", "/nothing/here", {}, 404),
    ],
)
def test_errors_are_problems(
    client: FlaskClient, method: str, path: str, arguments: dict[str, Any], status: int
) -> None:
    response = client.open(path, method=method, **arguments)

    assert (response.status_code, response.mimetype) == (status, "application/problem+json")
    assert response.json["detail"]


def raw_upload(client: FlaskClient, size: int) -> TestResponse:
    # Put together by hand: the test client's own builder leaves its temporary file open.
    head = b'--b\r\nContent-Disposition: form-data; name="content"; filename="big.png"\r\n\r\n'
    body = head + b"x" * size + b"\r\n--b--\r\n"
    return client.post("/v1/jobs", data=body, content_type="multipart/form-data; boundary=b")


def test_a_request_that_is_too_large(client: FlaskClient) -> None:
    assert raw_upload(client, 52_000_000).status_code == 413


def test_a_file_that_is_too_large(client: FlaskClient) -> None:
    response = raw_upload(client, 25_000_001)

    assert response.status_code == 413
    assert "25 MB" in response.json["detail"]


def test_looking_at_a_job(client: FlaskClient, picture: Picture) -> None:
    job_id = submit(client, picture)["id"]

    first = client.get(f"/v1/jobs/{job_id}")
    again = client.get(f"/v1/jobs/{job_id}", headers={"If-None-Match": first.headers["ETag"]})

    assert first.json["status"] == "queued"
    assert again.status_code == 304


def test_every_change_of_a_job_changes_its_etag(
    client: FlaskClient, service: JobService, picture: Picture
) -> None:
    path = submit(client, picture)["urls"]["self"]
    tags = [client.get(path).headers["ETag"]]

    def look() -> Any:
        changed = client.get(path, headers={"If-None-Match": ", ".join(tags)})
        tags.append(changed.headers["ETag"])
        return changed.json

    with service.sessions.begin() as session:
        run = lifecycle.claim(session, "stylize", "w", 60)
    assert run is not None
    running = look()
    with service.sessions.begin() as session:
        lifecycle.report_progress(session, run, {"stage": "render", "step": 1, "total": 2})
    further = look()
    canceling = client.post(f"{path}/cancel").json
    told = look()
    with service.sessions.begin() as session:
        lifecycle.finish_canceled(session, run)
    ended = look()

    assert (running["status"], further["progress"]["step"]) == ("running", 1)
    assert canceling["status"] == told["status"] == "running"
    assert ended["status"] == "canceled"
    assert len(set(tags)) == 5


def test_waiting_ends_with_the_job(client: FlaskClient, service: JobService, picture: Picture) -> None:
    job_id = submit(client, picture)["id"]
    finish(service, picture())

    assert client.get(f"/v1/jobs/{job_id}?wait=20").json["status"] == "succeeded"


def test_prefer_wait_gives_up_in_time(client: FlaskClient, picture: Picture) -> None:
    response = client.post("/v1/jobs", data=form(picture), headers={"Prefer": "wait=1"})

    assert response.status_code == 202
    assert response.headers["Preference-Applied"] == "wait=1"


def test_listing_goes_page_by_page(client: FlaskClient, picture: Picture) -> None:
    ids = [submit(client, picture)["id"] for _ in range(5)]

    seen, cursor = [], ""
    for _ in range(3):
        page = client.get(f"/v1/jobs?limit=2{cursor}").json
        seen += [job["id"] for job in page["jobs"]]
        cursor = f"&cursor={page['next']}"

    assert seen == ids[::-1]
    assert page["next"] is None
    assert client.get("/v1/jobs?status=running").json["jobs"] == []


def test_canceling(client: FlaskClient, service: JobService, picture: Picture) -> None:
    queued, running = submit(client, picture)["id"], submit(client, picture)["id"]
    assert client.post(f"/v1/jobs/{queued}/cancel").status_code == 200
    with service.sessions.begin() as session:
        run = lifecycle.claim(session, "stylize", "w", 60)
    assert run is not None
    assert run.job_id == running

    asked = client.post(f"/v1/jobs/{running}/cancel")
    again = client.post(f"/v1/jobs/{queued}/cancel")

    assert (asked.status_code, asked.json["status"], asked.json["cancel_requested"]) == (
        202,
        "running",
        True,
    )
    assert (again.status_code, again.json["status"]) == (200, "canceled")


def test_a_retry_of_a_job_that_is_deleted_meanwhile(
    client: FlaskClient, service: JobService, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = submit(client, picture)
    client.post(job["urls"]["cancel"])
    make = service_module.make_retry

    def make_late(*args: Any, **named: Any) -> Any:
        retry = make(*args, **named)
        service.delete(job["id"])
        return retry

    monkeypatch.setattr(service_module, "make_retry", make_late)
    assert client.post(job["urls"]["retry"]).status_code == 404


def test_the_output_downloads(client: FlaskClient, service: JobService, picture: Picture) -> None:
    job_id = submit(client, picture)["id"]
    assert client.get(f"/v1/jobs/{job_id}/output").status_code == 409
    data = picture(seed=3)
    finish(service, data)

    url = client.get(f"/v1/jobs/{job_id}").json["outputs"][0]["url"]
    whole = client.get(url)
    part = client.get(url, headers={"Range": "bytes=2-9"})
    same = client.get(url, headers={"If-None-Match": whole.headers["ETag"]})
    saved = client.get(f"{url}?download=1")

    assert (whole.data, whole.mimetype) == (data, "image/png")
    assert (part.status_code, part.data) == (206, data[2:10])
    assert same.status_code == 304
    assert saved.headers["Content-Disposition"].startswith("attachment")
    assert client.get(f"{url}?index=4").status_code == 404


def test_the_inputs_download(client: FlaskClient, picture: Picture) -> None:
    body = submit(client, picture)

    assert client.get(body["inputs"][0]["url"]).data == picture()
    assert client.get(f"/v1/jobs/{body['id']}/inputs/mask").status_code == 404


def test_events_replay_from_any_point(
    client: FlaskClient, service: JobService, picture: Picture
) -> None:
    job_id = submit(client, picture)["id"]
    finish(service, picture())

    response = client.get(f"/v1/jobs/{job_id}/events")
    ids = [line[4:] for line in response.text.splitlines() if line.startswith("id: ")]
    later = client.get(f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": ids[1]})

    assert response.mimetype == "text/event-stream"
    assert [status in response.text for status in ("queued", "running", "succeeded")] == [True] * 3
    assert len(ids) == 3
    assert "running" not in later.text
    assert "succeeded" in later.text


def test_position_and_eta(client: FlaskClient, service: JobService, picture: Picture) -> None:
    submit(client, picture)
    finish(service, picture())
    first, second = submit(client, picture), submit(client, picture)
    urgent = submit(client, picture, priority="5")

    def place(job: dict[str, Any]) -> Any:
        return client.get(job["urls"]["self"]).json["queue"]

    assert [place(job)["position"] for job in (urgent, first, second)] == [0, 1, 2]
    assert place(second)["eta_s"] == pytest.approx(1.25)


def test_a_request_that_is_sent_again_may_name_an_upload_that_has_gone(
    client: FlaskClient, picture: Callable[..., bytes]
) -> None:
    upload = client.post("/v1/uploads", data={"file": (io.BytesIO(picture()), "p.png")}).json
    body = {"content": {"upload": upload["id"]}, "style_id": "woodcut"}
    key = {"Idempotency-Key": "once"}
    first = client.post("/v1/jobs", json=body, headers=key)
    client.delete(f"/v1/uploads/{upload['id']}")

    again = client.post("/v1/jobs", json=body, headers=key)
    other = client.post("/v1/jobs", json=body, headers={"Idempotency-Key": "another"})

    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json["id"] == first.json["id"]
    assert other.status_code == 422
