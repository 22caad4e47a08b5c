from __future__ import annotations

import io

import pytest
from flask import Flask, request
from PIL import Image

from bench.service.clients import Caller, Photos, form, hammer, measured


def test_photos_are_of_the_size_and_no_two_are_alike() -> None:
    photos = Photos(100)
    first, second = photos.next(), photos.next()

    assert len(first) == pytest.approx(100_000, rel=0.3)
    assert first != second
    with Image.open(io.BytesIO(first)) as one, Image.open(io.BytesIO(second)) as other:
        assert one.size == other.size
        assert one.tobytes() != other.tobytes()


def test_the_form_is_one_that_flask_reads() -> None:
    app, seen = Flask(__name__), dict[str, bytes]()

    @app.post("/")
    def take() -> str:
        seen.update({name: file.read() for name, file in request.files.items()})
        return request.form["size"]

    body, headers = form(b"photo \r\n--", b"style", size=64)

    assert app.test_client().post("/", data=body, headers=headers).text == "64"
    assert seen == {"content": b"photo \r\n--", "style": b"style"}


def test_figures() -> None:
    made = measured(4, [0.001 * number for number in range(1, 101)], took=2.0)

    assert (made.requests, made.per_s, made.p50_ms, made.p99_ms) == (100, 50.0, 51.0, 100.0)


def test_every_request_is_made_once_and_errors_stop_it() -> None:
    made = []
    hammer(1, 5, 40, lambda caller: made.append(caller))
    assert len(made) == 40

    def fail(caller: Caller) -> None:
        raise RuntimeError("refused")

    with pytest.raises(RuntimeError, match="refused"):
        hammer(1, 5, 40, fail)
