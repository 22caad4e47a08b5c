"""Videos at the door."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image
from tests_support import network_file

from jobs.service import JobService
from jobs.settings import Settings
from web import create_app

pytest.importorskip("av")
Picture = Callable[..., bytes]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    from nst_core.gallery.clips import pan, write_clip

    image = Image.effect_noise((96, 72), 60).convert("RGB")
    path: Path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return write_clip(path, pan(image, 64, 48, 5)).read_bytes()


def post(client: FlaskClient, content: bytes, **form: Any) -> Any:
    form = {"kind": "video", "style_id": "woodcut", **form}
    return client.post("/v1/jobs", data={"content": (io.BytesIO(content), "v.mp4"), **form})


def test_a_video_is_a_job(client: FlaskClient, clip: bytes) -> None:
    answer = post(client, clip, alpha_points="[[0, 0], [1, 0.5]]", styles="")

    assert answer.status_code == 202, answer.text
    job = answer.json
    assert (job["kind"], job["params"]["alpha_points"]) == ("video", [[0, 0], [1, 0.5]])
    content, style = job["inputs"]
    assert (content["media_type"], content["width"], content["height"]) == ("video/mp4", 64, 48)
    assert style["role"] == "style"
    assert client.get(content["url"]).data == clip
    assert client.post(job["urls"]["pause"]).status_code == 409  # trainings alone


def test_a_network_with_a_style_of_its_own(client: FlaskClient, clip: bytes) -> None:
    file = (io.BytesIO(network_file()), "n.safetensors")
    client.post("/v1/networks", data={"file": file, "name": "ink"})
    form = {"kind": "video", "network": "ink", "content": (io.BytesIO(clip), "v.mp4")}

    assert client.post("/v1/jobs", data=form).status_code == 202
    assert post(client, clip, network="ink").status_code == 422


@pytest.mark.parametrize(
    ("form", "pointer"),
    [
        ({"temporal": "2"}, "temporal"),
        ({"start_s": "3", "end_s": "2"}, "body"),
        ({"alpha_points": "[[1, 0], [0, 1]]"}, "body"),
        ({"alpha_points": "[[0, 2]]"}, "alpha_points.0.1"),
        ({"format": "exe"}, "format"),
        ({"regions": "[]"}, "regions"),
        ({"network": "none"}, "network"),
    ],
)
def test_parameters_that_are_none(
    client: FlaskClient, clip: bytes, form: dict[str, str], pointer: str
) -> None:
    answer = post(client, clip, **form)

    assert answer.status_code == 422
    assert pointer in [error["pointer"] for error in answer.json["errors"]], answer.text


def test_hostile_videos_leave_nothing(client: FlaskClient, clip: bytes, picture: Picture) -> None:
    still = io.BytesIO()
    Image.new("RGB", (8, 8)).save(still, "BMP")
    cases = {
        "nothing": b"",
        "words": b"no video at all" * 50,
        "a picture": picture(),
        "another picture": still.getvalue(),
        "the head alone": clip[: len(clip) // 20],
        "a playlist": b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        "a concat script": b"ffconcat version 1.0\nfile /etc/passwd\n",
        "an sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 5000 RTP/AVP 96\n",
        "noise": bytes(range(256)) * 200,
    }
    for name, data in cases.items():
        answer = post(client, data)
        assert answer.status_code in {413, 415, 422}, (name, answer.status_code, answer.text)
        assert answer.json["errors"][0]["pointer"] == "content", name
        assert "passwd" not in answer.text
    assert client.get("/v1/jobs").json["jobs"] == []


def test_a_video_that_is_too_long(settings: Settings, service: JobService, clip: bytes) -> None:
    limited = settings.model_copy(update={"max_video_seconds": 0.05})
    again = JobService(limited, service.engine, service.storage, service.queue)
    answer = post(create_app(limited, again).test_client(), clip)

    assert answer.status_code == 413
    assert "0 s are taken" in answer.json["detail"]


def test_a_video_that_is_too_large(settings: Settings, service: JobService) -> None:
    limited = settings.model_copy(update={"max_video_mb": 1})
    again = JobService(limited, service.engine, service.storage, service.queue)
    client = create_app(limited, again).test_client()
    # Put together by hand: the test client's own builder leaves its temporary file open.
    parts = b'--b\r\nContent-Disposition: form-data; name="kind"\r\n\r\nvideo\r\n'
    parts += b'--b\r\nContent-Disposition: form-data; name="content"; filename="v.mp4"\r\n\r\n'
    body = parts + b"x" * 1_000_001 + b"\r\n--b--\r\n"
    answer = client.post("/v1/jobs", data=body, content_type="multipart/form-data; boundary=b")

    assert answer.status_code == 413
    assert "1 MB" in answer.json["detail"]


def test_an_upload_is_a_picture_and_no_video(client: FlaskClient, picture: Picture) -> None:
    file = (io.BytesIO(picture()), "p.png")
    upload = client.post("/v1/uploads", data={"file": file}).json["id"]
    body = {"kind": "video", "content": {"upload": upload}, "style_id": "woodcut"}
    answer = client.post("/v1/jobs", json=body)

    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "content")
