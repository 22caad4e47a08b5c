from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pillow_heif
import pytest
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import update
from support.maintenance import maintenance_of

from imaging.formats import FORMAT_NAMES
from jobs.db.models.blobs import StoredUpload
from jobs.media.limits import DecodeLimits
from jobs.media.sandbox import thumbnail_in_sandbox
from jobs.service import JobService

Picture = Callable[..., bytes]


def upload(client: FlaskClient, data: bytes, **fields: Any) -> dict[str, Any]:
    form = {"file": (io.BytesIO(data), "IMG_0001.PNG"), **fields}
    response = client.post("/v1/uploads", data=form)
    assert response.status_code == 201, response.text
    body: dict[str, Any] = response.json
    assert response.headers["Location"] == body["urls"]["self"]
    return body


def test_an_upload_is_kept_by_its_hash(client: FlaskClient, picture: Picture) -> None:
    first, again = upload(client, picture()), upload(client, picture())

    assert first["id"] != again["id"]
    assert first["sha256"] == again["sha256"]
    assert (first["width"], first["height"], first["media_type"]) == (48, 32, "image/png")
    assert first["bytes"] == len(picture())
    assert client.get(first["urls"]["self"]).json == first
    image = client.get(first["urls"]["image"])
    assert image.data == picture()
    assert image.headers["ETag"] == f'"{first["sha256"]}"'


def test_a_job_can_name_uploads(client: FlaskClient, picture: Picture) -> None:
    content, style = upload(client, picture()), upload(client, picture(seed=1))

    response = client.post(
        "/v1/jobs",
        json={
            "kind": "stylize",
            "content": {"upload": content["id"]},
            "style": {"upload": style["id"]},
            "params": {"alpha": 0.5, "size": 64},
            "priority": 3,
            "expires_in": 3600,
        },
    )

    job = response.json
    assert response.status_code == 202
    assert [(file["role"], file["sha256"]) for file in job["inputs"]] == [
        ("content", content["sha256"]),
        ("style", style["sha256"]),
    ]
    assert (job["params"]["alpha"], job["params"]["size"], job["priority"]) == (0.5, 64, 3)
    kept = datetime.fromisoformat(job["expires_at"]) - datetime.fromisoformat(job["created_at"])
    assert kept == timedelta(hours=1)


def test_a_form_and_uploads_of_the_same_pictures_are_the_same_request(
    client: FlaskClient, picture: Picture
) -> None:
    headers = {"Idempotency-Key": "k"}
    first = client.post(
        "/v1/jobs",
        data={"content": (io.BytesIO(picture()), "p.png"), "style_id": "woodcut"},
        headers=headers,
    )
    kept = upload(client, picture())
    body = {"content": {"upload": kept["id"]}, "style_id": "woodcut"}

    again = client.post("/v1/jobs", json=body, headers=headers)

    assert first.json["id"] == again.json["id"]


def test_a_job_keeps_the_picture_of_an_upload_that_is_deleted(
    client: FlaskClient, service: JobService, picture: Picture
) -> None:
    kept = upload(client, picture())
    job = client.post("/v1/jobs", json={"content": {"upload": kept["id"]}, "style_id": "woodcut"}).json

    assert client.delete(kept["urls"]["self"]).status_code == 204
    assert client.get(kept["urls"]["self"]).status_code == 404
    assert client.delete(kept["urls"]["self"]).status_code == 404
    service.settings = service.settings.model_copy(update={"orphan_seconds": -1})
    maintenance_of(service).sweep()

    assert client.get(job["inputs"][0]["url"]).data == picture()


def test_an_expired_upload_is_gone_before_it_is_purged(
    client: FlaskClient, service: JobService, picture: Picture
) -> None:
    kept = upload(client, picture(), expires_in="60")
    with service.sessions.begin() as session:
        session.execute(update(StoredUpload).values(expires_at=datetime(2020, 1, 1, tzinfo=UTC)))

    body = {"content": {"upload": kept["id"]}, "style_id": "woodcut"}
    refused = client.post("/v1/jobs", json=body)

    assert client.get(kept["urls"]["self"]).status_code == 404
    assert client.get(kept["urls"]["image"]).status_code == 404
    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, "content.upload")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"style_id": "woodcut"}, "content"),
        ({"content": {"upload": "none"}, "style_id": "woodcut"}, "content.upload"),
        ({"content": "none", "style_id": "woodcut"}, "content"),
        ({"content": {"upload": 7}, "style_id": "woodcut"}, "content"),
        ({"content": {"upload": "a", "more": 1}, "style_id": "woodcut"}, "content"),
        ({"content": {"upload": "a" * 10_000}, "style_id": "woodcut"}, "content.upload"),
        ({"alpha": 1}, "alpha"),
        ({"params": []}, "params"),
        ({"params": {"colour": "red"}}, "colour"),
        ({"priority": 1.5}, "priority"),
        ({"priority": True}, "priority"),
        ({"priority": "9" * 5000}, "priority"),
        ({"expires_in": 5}, "expires_in"),
        ({"expires_in": 10**10}, "expires_in"),
        ({"expires_in": 1e400}, "expires_in"),
        ({"kind": 7}, "kind"),
        ({"style_id": ["x"]}, "content"),
    ],
)
def test_json_that_is_refused(client: FlaskClient, body: dict[str, Any], pointer: str) -> None:
    response = client.post("/v1/jobs", json=body)

    assert response.status_code == 422, response.text
    assert pointer in [error["pointer"] for error in response.json["errors"]]
    assert client.get("/v1/jobs").json["jobs"] == []


@pytest.mark.parametrize(
    ("fields", "status", "pointer"),
    [
        ({}, 422, "file"),
        ({"file": (io.BytesIO(b"text"), "a.png")}, 415, "file"),
        ({"file": "text"}, 422, "file"),
        ({"other": "1"}, 422, "other"),
        ({"expires_in": "59"}, 422, "file"),
    ],
)
def test_uploads_that_are_refused(
    client: FlaskClient, fields: dict[str, Any], status: int, pointer: str
) -> None:
    response = client.post("/v1/uploads", data=fields, content_type="multipart/form-data")

    assert response.status_code == status
    assert pointer in [error["pointer"] for error in response.json["errors"]]


def test_a_style_of_ones_own(client: FlaskClient, picture: Picture) -> None:
    form = {"file": (io.BytesIO(picture()), "s.png"), "title": " My oils "}
    created = client.post("/v1/styles", data=form)
    style = created.json

    assert created.status_code == 201
    assert (style["title"], style["own"]) == ("My oils", True)
    assert client.get("/v1/styles").json["styles"][-1] == style
    assert client.get(style["urls"]["image"]).data == picture()
    job = client.post(
        "/v1/jobs", data={"content": (io.BytesIO(picture()), "p.png"), "style_id": style["id"]}
    )
    assert job.json["inputs"][1]["sha256"] == style["sha256"]

    assert client.delete(style["urls"]["self"]).status_code == 204
    assert client.delete(style["urls"]["self"]).status_code == 404
    assert client.delete("/v1/styles/woodcut").status_code == 409
    assert client.get(job.json["inputs"][1]["url"]).data == picture()


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_of_an_upload_is_the_size_that_is_shown(
    client: FlaskClient, picture: Picture, format_: str, orientation: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = io.BytesIO()
    Image.new("RGB", (60, 40)).save(out, format_, exif=exif)
    upload = client.post("/v1/uploads", data={"file": (io.BytesIO(out.getvalue()), "p")}).json
    assert (upload["width"], upload["height"]) == ((40, 60) if orientation > 4 else (60, 40))


def test_a_picture_of_a_phone_is_stored_as_png(client: FlaskClient) -> None:
    pillow_heif.register_heif_opener()
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker of cameras"
    out = io.BytesIO()
    Image.new("RGB", (60, 40), (200, 40, 40)).save(
        out, "HEIF", quality=-1, chroma=444, exif=exif.tobytes()
    )
    for path, field in (("/v1/uploads", "file"), ("/v1/styles", "file")):
        form = {field: (io.BytesIO(out.getvalue()), "IMG_1.HEIC"), "title": "phone"}
        body = client.post(path, data=form if "styles" in path else {field: form[field]}).json
        assert (body["width"], body["height"]) == (40, 60)
        image = client.get(body["urls"]["image"])
        assert image.mimetype == "image/png"
        assert b"Maker" not in image.data
        with Image.open(io.BytesIO(image.data)) as stored:
            assert (stored.size, stored.getpixel((0, 0))) == ((40, 60), (200, 40, 40))


def test_file_pickers_offer_every_format(client: FlaskClient) -> None:
    page = client.get("/").text
    assert all(suffix in page for suffix in (".heic", ".avif", ".tif", "image/heif"))
    assert FORMAT_NAMES in page


@pytest.mark.parametrize("title", ["", " ", "x" * 121, "a\nb"])
def test_titles_that_are_refused(client: FlaskClient, picture: Picture, title: str) -> None:
    form = {"file": (io.BytesIO(picture()), "s.png"), "title": title}

    assert client.post("/v1/styles", data=form).status_code == 422


def test_thumbnails_of_styles_are_made_in_the_confined_processes_and_once(
    client: FlaskClient, service: JobService, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = {"file": (io.BytesIO(picture(300, 200, seed=41)), "p.png"), "title": "Large"}
    style = client.post("/v1/styles", data=sent).json
    asked: list[tuple[int, str]] = []

    def take(data: bytes, media_type: str, limits: DecodeLimits, *, side: int) -> bytes:
        asked.append((side, media_type))
        return thumbnail_in_sandbox(data, media_type, limits, side=side)

    monkeypatch.setattr("web.api.styles.thumbnail_in_sandbox", take)
    path = style["urls"]["image"]
    first = client.get(f"{path}?size=96")
    service.storage.delete(style["sha256"])
    again = client.get(f"{path}?size=96")
    same = client.get(f"{path}?size=96", headers={"If-None-Match": first.headers["ETag"]})
    other = client.get(f"{path}?size=384")

    with Image.open(io.BytesIO(first.data)) as small:
        assert (small.format, small.size) == ("WEBP", (96, 64))
    assert (again.data, same.status_code, other.status_code) == (first.data, 304, 404)
    assert asked == [(96, "image/png")]
