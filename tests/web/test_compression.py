"""gzip of what a browser loads; answers of the API stay as they are."""

from __future__ import annotations

import gzip

import pytest
from flask.testing import FlaskClient

GZIP = {"Accept-Encoding": "gzip"}


@pytest.mark.parametrize("path", ["/", "/static/studio/index.js", "/static/shared/viewer.css"])
def test_pages_scripts_and_styles_are_compressed(client: FlaskClient, path: str) -> None:
    with client.get(path) as plain, client.get(path, headers=GZIP) as small:
        assert "Content-Encoding" not in plain.headers
        assert small.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(small.data) == plain.data
        assert len(small.data) < 0.6 * len(plain.data)
        assert int(small.headers["Content-Length"]) == len(small.data)
        for answer in (plain, small):
            assert "Accept-Encoding" in answer.headers["Vary"]


def test_an_unchanged_script_is_not_sent_again(client: FlaskClient) -> None:
    path = "/static/studio/index.js"
    with client.get(path, headers=GZIP) as first:
        etag = first.headers["ETag"]
    assert etag.startswith("W/")
    with client.get(path, headers={**GZIP, "If-None-Match": etag}) as again:
        assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("path", ["/v1/styles", "/openapi.json"])
def test_answers_of_the_api_are_not_compressed(client: FlaskClient, path: str) -> None:
    assert "Content-Encoding" not in client.get(path, headers=GZIP).headers
