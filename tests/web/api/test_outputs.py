"""What jobs were given and made, as bytes: ranges for players, small pictures for lists."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image

from jobs.blobs.rows import store_blob
from jobs.db.models.jobs import JobFile
from jobs.media.pictures import PictureInfo
from jobs.queue import lifecycle
from jobs.service import JobService

Picture = Callable[..., bytes]


@pytest.fixture
def finish(client: FlaskClient, service: JobService, picture: Picture) -> Callable[..., Any]:
    """A job that succeeded with these bytes as its outputs."""

    def make(*outputs: bytes, media_type: str = "image/png") -> Any:
        form = {
            "content": (io.BytesIO(picture()), "p.png"),
            "style_id": "woodcut",
            "use_cache": "false",
        }
        job = client.post("/v1/jobs", data=form).json
        info = PictureInfo(media_type=media_type, width=48, height=32)
        digests = [store_blob(service.sessions, service.storage, data, info) for data in outputs]
        with service.sessions.begin() as session:
            run = lifecycle.claim(session, "stylize", "w", 60)
            assert run is not None
            lifecycle.succeed(session, run, {})
            for n, sha256 in enumerate(digests):
                session.add(
                    JobFile(
                        job_id=job["id"], direction="output", role="image", position=n, sha256=sha256
                    )
                )
        return client.get(job["urls"]["self"]).json

    return make


def test_a_range_of_a_video_does_not_cost_the_whole(
    client: FlaskClient,
    service: JobService,
    finish: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    film = bytes(range(256)) * 20_000
    job = finish(film, media_type="video/mp4")
    monkeypatch.setattr(type(service.storage), "get", None)  # nothing reads it whole
    url = job["outputs"][0]["url"]
    answer = client.get(url, headers={"Range": "bytes=5000000-5000009"})
    assert (answer.status_code, answer.data) == (206, film[5_000_000:5_000_010])
    assert answer.headers["Content-Length"] == "10"
    answer = client.get(url)
    assert (answer.status_code, answer.data) == (200, film)
    assert answer.headers["Content-Length"] == str(len(film))
    assert client.head(url).headers["Content-Length"] == str(len(film))
    assert client.get(url, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    service.storage.delete(job["outputs"][0]["sha256"])
    assert client.get(url).status_code == 404


def test_players_may_ask_for_ranges(client: FlaskClient, finish: Callable[..., Any]) -> None:
    """Of outputs and of inputs: without them, nobody could wind a video."""
    film = bytes(range(256)) * 40
    job = finish(film, media_type="video/mp4")
    for url, whole in (
        (job["outputs"][0]["url"], film),
        (job["inputs"][0]["url"], client.get(job["inputs"][0]["url"]).data),
    ):
        answer = client.get(url, headers={"Range": "bytes=100-199"})
        assert (answer.status_code, answer.data) == (206, whole[100:200])
        assert answer.headers["Content-Range"] == f"bytes 100-199/{len(whole)}"
        assert client.get(url, headers={"Range": "bytes=-10"}).data == whole[-10:]
        rest = client.get(url, headers={"Range": f"bytes={len(whole) - 5}-"})
        assert (rest.status_code, rest.data) == (206, whole[-5:])
        assert client.get(url, headers={"Range": f"bytes={len(whole)}-"}).status_code == 416
        # A range of other bytes than those it was begun with is no use to anybody.
        stale = {"Range": "bytes=0-9", "If-Range": '"other"'}
        assert client.get(url, headers=stale).status_code == 200
        assert client.get(url).headers["Accept-Ranges"] == "bytes"


def test_a_small_picture_of_every_output(
    client: FlaskClient, finish: Callable[..., Any], picture: Picture
) -> None:
    job = finish(picture(900, 600, seed=1), picture(300, 600, seed=2))
    sizes = []
    for output in job["outputs"]:
        answer = client.get(output["thumbnail"])
        assert (answer.status_code, answer.mimetype) == (200, "image/webp")
        assert len(answer.data) < 20_000
        assert "private" in answer.headers["Cache-Control"]
        with Image.open(io.BytesIO(answer.data)) as small:
            sizes.append(small.size)
        again = client.get(output["thumbnail"], headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
        assert again.headers["ETag"] == answer.headers["ETag"]
    assert sizes == [(256, 171), (128, 256)]
    base = job["urls"]["output"]
    assert client.get(f"{base}/thumbnail?index=2").status_code == 404
    assert client.get(f"{base}/thumbnail?index=x").status_code == 422


def test_no_small_picture_of_what_is_none(client: FlaskClient, finish: Callable[..., Any]) -> None:
    zipped = finish(b"PK", media_type="application/zip")
    assert zipped["outputs"][0]["thumbnail"] is None
    answer = client.get(f"{zipped['urls']['output']}/thumbnail")
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")
    # Bytes that say that they are a picture, and are none, are no reason to fall over.
    broken = finish(b"no picture", media_type="image/png")
    assert client.get(broken["outputs"][0]["thumbnail"]).status_code == 404


def test_nothing_small_before_the_end(client: FlaskClient, picture: Picture) -> None:
    form = {"content": (io.BytesIO(picture()), "p.png"), "style_id": "woodcut"}
    job = client.post("/v1/jobs", data=form).json
    assert client.get(f"{job['urls']['output']}/thumbnail").status_code == 409
