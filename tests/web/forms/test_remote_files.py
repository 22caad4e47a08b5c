"""Pictures as https URLs and data URIs in the JSON of a submit."""

from __future__ import annotations

import base64
import json
import tracemalloc
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from support.receiver import FileServer

from jobs.service import JobService
from web.forms.job_request import MAX_FILES, MAX_REMOTE_FILES
from web.forms.json_body import MAX_BYTES

Picture = Callable[..., bytes]


@pytest.fixture
def server(picture: Picture) -> Iterator[FileServer]:
    found = FileServer(picture())
    yield found
    found.close()


@pytest.fixture
def near(client: FlaskClient, service: JobService) -> FlaskClient:
    """A client of a service that also fetches from loopback, where the server of this test is."""
    service.settings = service.settings.model_copy(update={"fetch_allow_private": True})
    return client


def data_uri(data: bytes, media_type: str = "image/png") -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def problem(client: FlaskClient, content: object, status: int = 422) -> str:
    answer = client.post("/v1/jobs", json={"content": content, "style_id": "woodcut"})
    assert answer.status_code == status, answer.text
    problems = answer.json.get("errors") or [answer.json]
    return str(problems[0]["detail"])


def test_a_url_is_fetched_once_and_stored(
    near: FlaskClient, server: FileServer, picture: Picture, service: JobService
) -> None:
    body = {"content": server.url, "style_id": "woodcut", "params": {"alpha": 0.5}}
    answer = near.post("/v1/jobs", json=body)

    assert answer.status_code == 202, answer.text
    assert near.get(answer.json["inputs"][0]["url"]).data == picture()
    [headers] = server.requests
    assert "Authorization" not in headers
    assert headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("encoded", ["base64", "percent", "escaped"])
def test_a_data_uri_is_the_picture_itself(client: FlaskClient, picture: Picture, encoded: str) -> None:
    uri = data_uri(picture())
    if encoded == "percent":
        uri = f"data:image/png,{quote(picture())}"
    text = json.dumps({"content": uri, "style": data_uri(picture(seed=1)), "params": {"size": 64}})
    if encoded == "escaped":
        text = text.replace("/", "\\/")
    answer = client.post("/v1/jobs", data=text, content_type="application/json")

    assert answer.status_code == 202, answer.text
    assert client.get(answer.json["inputs"][0]["url"]).data == picture()
    assert client.get(answer.json["inputs"][1]["url"]).data == picture(seed=1)


def test_a_photo_is_longer_than_other_json_may_be(client: FlaskClient, picture: Picture) -> None:
    large = data_uri(picture(640, 480))
    assert len(large) > MAX_BYTES
    answer = client.post("/v1/jobs", json={"content": large, "style_id": "woodcut"})
    assert answer.status_code == 202
    # Text that is no data URI is limited as ever, also beside one.
    long = {"content": data_uri(picture()), "style_id": "woodcut", "params": {"x": "y" * MAX_BYTES}}
    assert client.post("/v1/jobs", json=long).status_code == 413


def test_masks_too(client: FlaskClient, picture: Picture) -> None:
    body = {
        "content": data_uri(picture()),
        "style_id": "woodcut",
        "face": data_uri(picture(seed=2)),
        "params": {"regions": [{"mask": "face", "alpha": 0}]},
    }
    answer = client.post("/v1/jobs", json=body)
    assert answer.status_code == 202, answer.text
    assert len(answer.json["inputs"]) == 3


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/a.png",
        "https://2130706433/a.png",
        "https://[::ffff:169.254.169.254]/latest/meta-data",
        "https://192.168.1.1/a.png",
        "https://printer.local/a.png",
        "https://localhost/a.png",
    ],
)
def test_only_public_addresses_are_fetched(client: FlaskClient, url: str) -> None:
    assert problem(client, url) == "The URL must name a public address."


@pytest.mark.parametrize("url", ["http://example.org/a.png", "https://user:secret@example.org/a.png"])
def test_urls_that_are_refused(client: FlaskClient, url: str) -> None:
    assert "URL" in problem(client, url)


def test_a_name_that_leads_to_a_private_address(
    client: FlaskClient, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a check of the name alone: what counts is the address that is connected to."""
    address = [(2, 1, 6, "", ("127.0.0.1", 443))]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: address)
    assert "not public" in problem(client, "https://example.org/a.png")
    assert server.requests == []


def test_redirects_are_not_followed(near: FlaskClient, server: FileServer) -> None:
    server.status, server.location = 302, "http://127.0.0.1:1/secret"
    assert "redirects (302)" in problem(near, server.url)
    assert len(server.requests) == 1


def test_a_request_that_is_sent_again_may_name_a_url_that_has_gone(
    near: FlaskClient, server: FileServer
) -> None:
    """A signed URL, for example: the job was accepted, and only the answer was lost."""
    body, key = {"content": server.url, "style_id": "woodcut"}, {"Idempotency-Key": "once"}
    first = near.post("/v1/jobs", json=body, headers=key)
    server.status = 403
    again = near.post("/v1/jobs", json=body, headers=key)
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json["id"] == first.json["id"]
    assert near.post("/v1/jobs", json=body, headers={"Idempotency-Key": "x"}).status_code == 422


def test_answers_that_are_no_picture(near: FlaskClient, server: FileServer) -> None:
    server.status = 404
    assert problem(near, server.url) == "This URL answered 404, not a picture."
    server.status, server.body = 200, b"<html>no picture</html>"
    assert "content" in problem(near, server.url, status=415)


def test_a_file_that_is_too_large_is_not_read_to_its_end(
    near: FlaskClient, service: JobService, server: FileServer
) -> None:
    service.settings = service.settings.model_copy(update={"max_upload_mb": 1})
    server.body = bytes(5_000_000)
    answer = near.post("/v1/jobs", json={"content": server.url, "style_id": "woodcut"})
    assert answer.status_code == 413
    assert "larger than 1 MB" in answer.json["detail"]


def test_the_number_of_urls_is_limited(client: FlaskClient, picture: Picture) -> None:
    names = [f"mask_{number}" for number in range(MAX_REMOTE_FILES)]
    body = {name: data_uri(picture()) for name in ("content", *names)}
    answer = client.post("/v1/jobs", json={**body, "style_id": "woodcut"})
    assert answer.status_code == 422
    assert f"{MAX_REMOTE_FILES} URLs and data URIs" in answer.text


def test_many_files_are_refused_before_the_first_is_looked_up(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.catalog.uploads.UploadCatalog.resolve", None)
    body = {f"mask_{number}": {"upload": "x"} for number in range(MAX_FILES + 1)}
    answer = client.post("/v1/jobs", json=body)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "files")


@pytest.mark.parametrize("uri", ["data:image/png;base64", "data:image/png;base64,%%%", "data:,"])
def test_malformed_data_uris(client: FlaskClient, uri: str) -> None:
    answer = client.post("/v1/jobs", json={"content": uri, "style_id": "woodcut"})
    assert answer.status_code == 422
    assert "content" in answer.text


def test_a_long_data_uri_is_refused_before_it_is_decoded(client: FlaskClient) -> None:
    for uri in ("data:," + "%ab0" * 750_000, "data:;base64," + "A" * 36_000_000):
        text = json.dumps({"content": uri, "style_id": "woodcut"})
        tracemalloc.start()
        answer = client.post("/v1/jobs", data=text, content_type="application/json")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert answer.status_code == 413
        assert peak < 5 * len(text)


@pytest.mark.parametrize("character", ["\0", "\x1f"])
def test_a_data_uri_is_printable(client: FlaskClient, character: str) -> None:
    """Other text is none, and is checked like any text: a NUL never reaches the database."""
    text = f'{{"content": "data:,x", "style_id": "data:{character}"}}'
    answer = client.post("/v1/jobs", data=text.encode(), content_type="application/json")
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("body", "suggestion"),
    [
        ({"contnet": "x"}, "content"),
        ({"style_ids": "woodcut"}, "style_id"),
        ({"params": {"alpa": 1}}, "alpha"),
        ({"params": {"textures": 1}}, "texture"),
    ],
)
def test_a_misspelt_field_gets_a_suggestion(
    client: FlaskClient, picture: Picture, body: dict[str, object], suggestion: str
) -> None:
    whole = {"content": data_uri(picture()), "style_id": "woodcut", **body}
    answer = client.post("/v1/jobs", json=whole)
    assert answer.status_code == 422
    assert f"Did you mean {suggestion}?" in answer.text
