"""Forms as clients send them: names in any encoding, and bodies that are no forms."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

Picture = Callable[..., bytes]


def part(name: bytes, value: bytes, file_name: bytes | None = None) -> bytes:
    head = b'Content-Disposition: form-data; name="' + name + b'"'
    head += b"" if file_name is None else b'; filename="' + file_name + b'"\r\nContent-Type: image/png'
    return b"--b\r\n" + head + b"\r\n\r\n" + value + b"\r\n"


@pytest.mark.parametrize(
    "name", [b"caf\xe9.png", "фото.png".encode("cp1251"), "图片.png".encode("gbk"), "é.png".encode()]
)
@pytest.mark.parametrize("route", ["/v1/uploads", "/v1/jobs"])
def test_file_names_in_any_encoding(
    client: FlaskClient, picture: Picture, name: bytes, route: str
) -> None:
    field = {"/v1/jobs": b"content"}.get(route, b"file")
    body = part(field, picture(), name)
    body += part(b"style_id", b"woodcut") if route == "/v1/jobs" else b""
    answer = client.post(
        route, data=body + b"--b--\r\n", content_type="multipart/form-data; boundary=b"
    )
    assert answer.status_code in {201, 202}, answer.text


@pytest.mark.parametrize(
    ("content_type", "body", "reason"),
    [
        (
            "multipart/form-data; boundary=b",
            part(b"style_id", b"woodcut"),
            "ends before its last boundary",
        ),
        ("multipart/form-data", part(b"style_id", b"woodcut") + b"--b--\r\n", "names no boundary"),
        ("multipart/form-data; boundary=other", part(b"a", b"b") + b"--b--", "ends before"),
        ("multipart/form-data; boundary=b", b"--b\r\nX: y\r\n\r\nz\r\n--b--", "no Content-Disposition"),
        ("application/x-www-form-urlencoded", b"style_id=\xff\xfe", "no valid"),
    ],
)
@pytest.mark.parametrize("route", ["/v1/jobs", "/v1/uploads", "/v1/batches"])
def test_a_form_that_can_not_be_read_is_no_empty_form(
    client: FlaskClient, route: str, content_type: str, body: bytes, reason: str
) -> None:
    answer = client.post(route, data=body, content_type=content_type)
    assert answer.status_code == 400, answer.text
    assert answer.json["detail"].startswith("The form can't be read: ")
    assert reason in answer.json["detail"]


@pytest.mark.parametrize("route", ["/login", "/v1/jobs", "/v1/uploads", "/v1/datasets", "/v1/batches"])
@pytest.mark.parametrize("body", [b"a&" * 1_000_000, b"a&" * 500], ids=["2 MB", "500 fields"])
def test_a_form_bomb_is_refused_before_it_is_parsed(
    client: FlaskClient, route: str, body: bytes
) -> None:
    """Parsed, 2 MB of such fields would take 88 MB; `/login` asks for no key."""
    tracemalloc.start()
    answer = client.post(route, data=body, content_type="application/x-www-form-urlencoded")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert (answer.status_code, answer.json["detail"]) == (413, "The request is too large.")
    assert peak < 10_000_000
