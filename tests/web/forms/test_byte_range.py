"""Ranges of downloads, as RFC 9110 (sections 13.1.5 and 14) says."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from flask import Flask, Response
from flask.testing import FlaskClient

from jobs.db.models.blobs import Blob
from web.api.jobs import send_blob

DATA = b"0123456789"


@pytest.fixture
def client() -> FlaskClient:
    app = Flask("ranges")
    blob = cast(Blob, SimpleNamespace(media_type="image/png", sha256="a" * 64, size=len(DATA)))

    @app.get("/file")
    def file() -> Response:
        return send_blob(blob, DATA, name="file")

    return app.test_client()


@pytest.mark.parametrize(
    ("wanted", "sent"),
    [
        ("bytes=0-3", b"0123"),
        ("bytes=2-", b"23456789"),
        ("bytes=-3", b"789"),
        ("bytes=-20", DATA),
        ("bytes=5-100", b"56789"),
        ("bytes=0-99999999999999999999999", DATA),
        ("BYTES=0-0", b"0"),
    ],
)
def test_one_range_is_sent(client: FlaskClient, wanted: str, sent: bytes) -> None:
    answer = client.get("/file", headers={"Range": wanted})

    first = DATA.index(sent)
    assert (answer.status_code, answer.data) == (206, sent)
    assert answer.headers["Content-Range"] == f"bytes {first}-{first + len(sent) - 1}/10"


@pytest.mark.parametrize("wanted", ["bytes=10-", "bytes=-0", "bytes=99999999999999999999999-"])
def test_a_range_without_a_byte_is_refused(client: FlaskClient, wanted: str) -> None:
    answer = client.get("/file", headers={"Range": wanted})

    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == "bytes */10"


@pytest.mark.parametrize(
    "headers",
    [
        {"Range": "bytes=3-1"},
        {"Range": "bytes=a-b"},
        {"Range": "bytes="},
        {"Range": "bytes=-"},
        {"Range": "bytes 0-3"},
        {"Range": "bytes=0-3;"},
        {"Range": "items=0-3"},
        {"Range": "bytes=0-1,4-5"},
        {"Range": "bytes=-" + "9" * 5000},
        {"Range": "bytes=0-3", "If-Range": '"other"'},
        {"Range": "bytes=0-3", "If-Range": 'W/"' + "a" * 64 + '"'},
        {"Range": "bytes=0-3", "If-Range": "Thu, 01 Jan 1970 00:00:00 GMT"},
    ],
)
def test_what_does_not_apply_is_ignored(client: FlaskClient, headers: dict[str, Any]) -> None:
    answer = client.get("/file", headers=headers)

    assert (answer.status_code, answer.data) == (200, DATA)


def test_head_has_no_range(client: FlaskClient) -> None:
    answer = client.head("/file", headers={"Range": "bytes=0-3"})

    assert (answer.status_code, answer.headers["Content-Length"]) == (200, "10")
