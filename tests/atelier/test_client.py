"""What the client makes of answers, silence and streams: when it calls again, and when it must not."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from atelier import (
    ApiError,
    Client,
    JobCanceledError,
    JobFailedError,
    StillRunningError,
    UnreachableError,
)
from atelier import follow as follow_module
from atelier import retries as retries_module
from atelier.connection import REFUSED_SECONDS

Answer = httpx.Response | Exception


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were asked for; none is made."""
    pauses: list[float] = []
    monkeypatch.setattr(retries_module, "sleep", pauses.append)
    return pauses


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"\xff\xd8 bytes of a photo")
    return path


class Scripted:
    """A service that gives its answers one after the other, and keeps what it was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.answers: Iterator[Answer] = iter(answers)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.asked.append(request)
        answer = next(self.answers)
        if isinstance(answer, Exception):
            raise answer
        return answer


def client(service: Scripted, **settings: Any) -> Client:
    return Client("http://service", transport=httpx.MockTransport(service), **settings)


def job(status: str = "queued", **more: Any) -> dict[str, Any]:
    return {"id": "1", "kind": "stylize", "status": status, "error": None, **more}


def ok(body: Any = None) -> httpx.Response:
    return httpx.Response(200, json=job() if body is None else body)


def busy(status: int = 503, **headers: str) -> httpx.Response:
    problem = {"detail": "The queue is full.", "code": "queue_full"}
    return httpx.Response(
        status, json=problem, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


def test_what_only_asks_is_asked_again(slept: list[float]) -> None:
    service = Scripted(httpx.ReadTimeout("silence"), busy(502), busy(429), ok())
    assert client(service).job("1")["status"] == "queued"
    assert len(service.asked) == 4
    assert len(slept) == 3
    # Each pause may be longer than the one before, and none is nothing.
    assert all(0.1 < seconds < 2 for seconds in slept)


def test_a_submit_that_may_have_arrived_is_the_same_submit(photo: Path, slept: list[float]) -> None:
    service = Scripted(httpx.ReadError("reset"), busy(504), ok())
    client(service).submit(photo, style_id="woodcut", alpha=0.5)
    keys = {request.headers["Idempotency-Key"] for request in service.asked}
    assert len(service.asked) == 3
    assert len(keys) == 1
    # The file goes out whole each time.
    assert all(b"bytes of a photo" in request.content for request in service.asked)
    assert b'name="alpha"\r\n\r\n0.5' in service.asked[-1].content


def test_a_file_name_that_is_not_utf_8_is_sent(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.jpg")
    path.write_bytes(b"bytes of a photo")
    service = Scripted(ok())

    client(service).submit(path, style_id="woodcut")

    assert 'filename="caf�.jpg"'.encode() in service.asked[0].content


def test_two_submits_are_two(photo: Path) -> None:
    service = Scripted(ok(), ok())
    caller = client(service)
    caller.submit(photo, style_id="woodcut")
    caller.submit(photo, style_id="woodcut")
    first, second = (request.headers["Idempotency-Key"] for request in service.asked)
    assert first != second


def test_what_may_have_arrived_and_can_not_be_repeated_is_not(photo: Path, slept: list[float]) -> None:
    service = Scripted(httpx.ReadError("reset"))
    with pytest.raises(UnreachableError):
        client(service).add_style(photo, title="Mine")
    assert len(service.asked) == 1
    service = Scripted(busy(502))
    with pytest.raises(UnreachableError):
        client(service).upload(photo)
    assert len(service.asked) == 1


def test_what_never_arrived_is_sent_again(photo: Path, slept: list[float]) -> None:
    service = Scripted(httpx.ConnectError("refused"), busy(503), ok({"id": "s"}))
    assert client(service).add_style(photo, title="Mine")["id"] == "s"
    assert len(service.asked) == 3


@pytest.mark.parametrize("status", [400, 401, 404, 409, 413, 415, 422, 500])
def test_a_refusal_is_not_argued_with(status: int, slept: list[float]) -> None:
    service = Scripted(httpx.Response(status, json={"detail": "No.", "code": "no"}))
    with pytest.raises(ApiError, match=r"^No\.$") as caught:
        client(service).job("1")
    assert not isinstance(caught.value, UnreachableError)
    assert (caught.value.status, caught.value.code) == (status, "no")
    assert slept == []


def test_retry_after_is_respected(slept: list[float]) -> None:
    service = Scripted(busy(429, Retry_After="7"), ok())
    client(service).job("1")
    assert slept == [7.0]


def test_a_longer_wait_than_one_is_ready_for_is_an_error_at_once(slept: list[float]) -> None:
    service = Scripted(busy(429, Retry_After="3600"))
    with pytest.raises(UnreachableError, match="The queue is full"):
        client(service, retry_seconds=30).job("1")
    service = Scripted(busy(503, Retry_After="40"))
    with pytest.raises(UnreachableError):
        client(service, retry_seconds=30).job("1")
    assert slept == []


def virtual_clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that only the pauses between attempts move on; its first item is the time in s."""
    clock = [0.0]
    monkeypatch.setattr("tenacity.time.monotonic", lambda: clock[0])
    monkeypatch.setattr(
        retries_module, "sleep", lambda seconds: clock.__setitem__(0, clock[0] + seconds)
    )
    return clock


def test_retries_end(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = virtual_clock(monkeypatch)
    service = Scripted(*[httpx.ConnectError("refused")] * 1000)
    with pytest.raises(UnreachableError, match="can't be reached"):
        client(service, retry_seconds=20).job("1")
    # The next pause, of eight seconds at the most, would have ended after it.
    assert 12 <= clock[0] <= 20


def test_an_answer_that_is_no_problem_document_is_still_one_line(slept: list[float]) -> None:
    service = Scripted(httpx.Response(500, text="<html>Oops</html>"))
    with pytest.raises(ApiError, match=r"^http://service answered 500\.$"):
        client(service).job("1")


def test_a_key_goes_with_every_call() -> None:
    service = Scripted(ok(), ok({"styles": []}))
    caller = client(service, key="atl_secret")
    caller.job("1")
    caller.styles()
    assert [each.headers["Authorization"] for each in service.asked] == ["Bearer atl_secret"] * 2


def test_progress_of_what_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "large.bin"
    path.write_bytes(bytes(300_000))
    counts: list[int] = []
    client(Scripted(ok())).submit(path, style_id="woodcut", on_sent=counts.append)
    assert sum(counts) == 300_000
    assert len([count for count in counts if count]) > 2


def test_a_file_that_is_gone_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ApiError, match=r"none\.jpg can't be read"):
        client(Scripted()).submit(tmp_path / "none.jpg", style_id="woodcut")


def test_pictures_are_taken_as_people_have_them(photo: Path) -> None:
    image = Image.new("CMYK", (4, 3))
    with photo.open("rb") as opened:
        opened.seek(2)
        for source, name, data in (
            (str(photo), "photo.jpg", photo.read_bytes()),
            (photo.read_bytes(), "content", photo.read_bytes()),
            (opened, "photo.jpg", photo.read_bytes()[2:]),
            (io.BytesIO(b"abc"), "content", b"abc"),
            (image, "content.png", b"\x89PNG"),
        ):
            service = Scripted(ok())
            client(service).submit(source, style_id="woodcut")  # type: ignore[arg-type]
            assert f'name="content"; filename="{name}"'.encode() in service.asked[0].content
            assert data in service.asked[0].content


def test_an_open_file_is_sent_whole_by_every_attempt(photo: Path, slept: list[float]) -> None:
    service = Scripted(httpx.ReadError("reset"), ok())
    with photo.open("rb") as opened:
        client(service).submit(opened, style_id="woodcut")
    assert [b"bytes of a photo" in request.content for request in service.asked] == [True, True]


@pytest.mark.parametrize("wrong", [3, None, ["a.jpg"], io.StringIO("text")])
def test_anything_else_is_a_type_error_in_words(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"^style: .*(binary mode|PIL image)"):
        client(Scripted()).submit_batch([b"x"], styles=[wrong])


def test_a_service_that_was_never_started_is_given_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = virtual_clock(monkeypatch)
    service = Scripted(*[httpx.ConnectError("refused")] * 1000)
    caller = Client("http://127.0.0.1:8000", transport=httpx.MockTransport(service))
    with pytest.raises(UnreachableError, match=r"^No service at .* Start one with `atelier up`"):
        caller.job("1")
    assert clock[0] <= REFUSED_SECONDS
    assert len(service.asked) > 1


def test_a_service_that_answered_before_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = virtual_clock(monkeypatch)
    service = Scripted(ok(), *[httpx.ConnectError("refused")] * 1000)
    told: list[ApiError] = []
    caller = Client(
        "http://127.0.0.1:8000", transport=httpx.MockTransport(service), on_retry=told.append
    )
    caller.job("1")
    with pytest.raises(UnreachableError, match="can't be reached"):
        caller.job("1")
    assert clock[0] > 10
    assert len(told) == len(service.asked) - 2


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        ("failed", {"code": "boom", "detail": "It broke."}, JobFailedError),
        ("canceled", None, JobCanceledError),
    ],
)
def test_waiting_for_one_that_does_not_succeed(status: str, error: Any, kind: type[ApiError]) -> None:
    service = Scripted(ok(), ok(job(status, error=error)))
    with pytest.raises(kind) as caught:
        client(service).wait("1")
    assert caught.value.code == ("boom" if error else "")


def test_waiting_has_an_end() -> None:
    service = Scripted(*[ok()] * 50)
    with pytest.raises(StillRunningError, match="still queued after 0 s"):
        client(service).wait("1", timeout=0)


# -- streams ---------------------------------------------------------------------------------------


def stream(*parts: str, breaks: bool = False) -> httpx.Response:
    def body() -> Iterator[bytes]:
        yield from (part.encode() for part in parts)
        if breaks:
            raise httpx.ReadError("reset")

    return httpx.Response(200, content=body(), headers={"Content-Type": "text/event-stream"})


def test_a_broken_stream_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow_module, "sleep", lambda _: None)
    monkeypatch.setattr(retries_module, "sleep", lambda _: None)
    one = 'id: 7\nevent: progress\ndata: {"step": 1}\n\n'
    two = 'id: 9\nevent: state\ndata: {"status": "succeeded"}\n\n'
    service = Scripted(
        stream(one, breaks=True), httpx.ConnectError("away"), stream(two), ok(job("succeeded"))
    )
    events = list(client(service).events("1"))
    assert [event["id"] for event in events] == [7, 9]
    asked = [each.headers.get("Last-Event-ID") for each in service.asked]
    assert asked == ["0", "7", "7", None]


def test_a_stream_that_never_comes_is_an_error_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow_module, "sleep", lambda _: None)
    monkeypatch.setattr(retries_module, "sleep", lambda _: None)
    service = Scripted(*[busy(503)] * 10)
    with pytest.raises(UnreachableError):
        list(client(service).events("1"))
    assert len(service.asked) == 6


def test_no_stream_for_a_job_that_is_not_there() -> None:
    service = Scripted(httpx.Response(404, json={"detail": "There is no job 1.", "code": "not_found"}))
    with pytest.raises(ApiError, match="no job"):
        list(client(service).events("1"))


def test_every_page_is_asked_for_once() -> None:
    pages = [{"jobs": [job(id=str(n))], "next": None if n == 3 else f"c{n}"} for n in (1, 2, 3)]
    service = Scripted(*map(ok, pages))
    found = [each["id"] for each in client(service).all_jobs(status="queued")]
    assert found == ["1", "2", "3"]
    assert [dict(each.url.params).get("cursor") for each in service.asked] == [None, "c1", "c2"]
    assert all(each.url.params["status"] == "queued" for each in service.asked)


def test_lists_and_switches_go_as_json(photo: Path) -> None:
    service = Scripted(ok())
    client(service).submit(
        photo, named_files={"mine": photo}, styles=[{"file": "mine", "weight": 2}], metadata=True
    )
    content = service.asked[0].content
    assert json.dumps([{"file": "mine", "weight": 2}]).encode() in content
    assert b'name="metadata"\r\n\r\ntrue' in content
    assert content.count(b"bytes of a photo") == 2
