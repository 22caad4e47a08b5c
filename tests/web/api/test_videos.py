"""Videos at the door."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image
from support.tests_support import network_file

from jobs.service import JobService
from jobs.settings import Settings
from web import create_app

pytest.importorskip("av")
Picture = Callable[..., bytes]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    from tests.support.clips import pan, write_clip

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
    assert "pause" not in job["urls"]
    assert client.post(f"{job['urls']['self']}/pause").status_code == 409


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


@pytest.mark.parametrize(
    ("name", "codec", "media_type"),
    [
        ("v.webm", "libvpx-vp9", "video/x-matroska"),
        ("v.avi", "mpeg4", "video/x-msvideo"),
        ("v.mpg", "mpeg2video", "video/mpeg"),
        ("v.ts", "mpeg2video", "video/mp2t"),
        ("v.flv", "flv", "video/x-flv"),
        ("v.wmv", "wmv2", "video/x-ms-wmv"),
        ("v.ogv", "libvpx", "video/ogg"),
        ("v.gif", "gif", "image/gif"),
    ],
)
def test_other_containers(
    client: FlaskClient, tmp_path: Path, name: str, codec: str, media_type: str
) -> None:
    from tests.support.clips import pan, write_clip

    frames = pan(Image.effect_noise((96, 72), 60).convert("RGB"), 64, 48, 5)
    pixel_format = "rgb8" if codec == "gif" else "yuv420p"
    path = write_clip(tmp_path / name, frames, codec=codec, sound=None, pixel_format=pixel_format)
    answer = post(client, path.read_bytes())

    assert answer.status_code == 202, answer.text
    content = answer.json["inputs"][0]
    assert (content["media_type"], content["width"], content["height"]) == (media_type, 64, 48)


def remuxed(
    target: Path, *sources: tuple[Path, str], cover: int | None = None, **options: str
) -> bytes:
    """The streams of other files in one; that of the number `cover` is the picture on a sleeve."""
    import av
    from av.stream import Disposition

    with av.open(str(target), "w", options=options) as out:
        for number, (path, kind) in enumerate(sources):
            with av.open(str(path)) as source:
                stream = getattr(source.streams, kind)[0]
                copy = out.add_stream_from_template(stream)
                if number == cover:
                    copy.disposition = Disposition.attached_pic
        for number, (path, kind) in enumerate(sources):
            with av.open(str(path)) as source:
                for packet in source.demux(getattr(source.streams, kind)[0]):
                    if packet.dts is not None:
                        packet.stream = out.streams[number]
                        out.mux(packet)
    return target.read_bytes()


def test_what_only_looks_like_a_video(client: FlaskClient, clip: bytes, tmp_path: Path) -> None:
    whole, sleeve = tmp_path / "whole.mp4", tmp_path / "sleeve.jpg"
    whole.write_bytes(clip)
    Image.new("RGB", (300, 300), "red").save(sleeve)
    music = remuxed(tmp_path / "music.mp4", (whole, "audio"), (sleeve, "video"), cover=1)
    first = remuxed(tmp_path / "first.mp4", (whole, "video"), movflags="+faststart")
    Image.new("RGB", (64, 48), "red").save(tmp_path / "still.gif")
    cases = {
        "music with a sleeve": (music, "no moving picture"),
        "half a video": (first[: len(first) * 3 // 4], "is cut short"),
    }
    for name, (data, words) in cases.items():
        answer = post(client, data)
        assert answer.status_code in {415, 422}, (name, answer.text)
        assert words in answer.json["errors"][0]["detail"], (name, answer.text)
    assert client.get("/v1/jobs").json["jobs"] == []
    assert post(client, first).status_code == 202
    assert post(client, (tmp_path / "still.gif").read_bytes()).status_code == 202  # of one frame
    film = remuxed(tmp_path / "f.mp4", (sleeve, "video"), (whole, "video"), cover=0)
    content = post(client, film, alpha="0.3").json["inputs"][0]
    assert (content["width"], content["height"]) == (64, 48)  # of the film, not of its sleeve


def test_hostile_videos_leave_nothing(
    client: FlaskClient, service: JobService, clip: bytes, picture: Picture
) -> None:
    service.settings = service.settings.model_copy(update={"decode_seconds": 6.0})
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
        "an sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
        b"m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
        "noise": bytes(range(256)) * 200,
    }
    for name, data in cases.items():
        answer = post(client, data)
        assert answer.status_code in {413, 415, 422}, (name, answer.status_code, answer.text)
        if name in {"a playlist", "a concat script", "an sdp"}:
            # At once: with protocols, FFmpeg would open a socket and wait for longer than is allowed.
            assert answer.status_code == 415, (name, answer.text)
        assert answer.json["errors"][0]["pointer"] == "content", name
        assert "passwd" not in answer.text
    assert client.get("/v1/jobs").json["jobs"] == []


def test_a_video_that_is_too_long(settings: Settings, service: JobService, clip: bytes) -> None:
    limited = settings.model_copy(update={"max_video_seconds": 0.05})
    again = JobService(limited, service.engine, service.storage, service.broker)
    answer = post(create_app(limited, again).test_client(), clip)

    assert answer.status_code == 413
    assert "0 s are taken" in answer.json["detail"]


@pytest.mark.parametrize(("format_", "delay"), [("GIF", 10), ("GIF", 0), ("PNG", 0), ("WEBP", 0)])
def test_the_length_of_an_animation_is_that_of_browsers(
    settings: Settings, service: JobService, format_: str, delay: int
) -> None:
    frames = [Image.new("RGB", (16, 16), (number * 20, 0, 0)) for number in range(12)]
    out = io.BytesIO()
    frames[0].save(out, format_, save_all=True, append_images=frames[1:], duration=delay)
    for limit, status in ((1.1, 413), (1.3, 202)):
        limited = settings.model_copy(update={"max_video_seconds": limit})
        again = JobService(limited, service.engine, service.storage, service.broker)
        answer = post(create_app(limited, again).test_client(), out.getvalue())
        assert answer.status_code == status, answer.text


@pytest.mark.parametrize(("rotation", "size"), [(0, (64, 48)), (90, (48, 64)), (180, (64, 48))])
def test_the_size_of_a_video_is_the_size_that_is_shown(
    client: FlaskClient, tmp_path: Path, rotation: int, size: tuple[int, int]
) -> None:
    from tests.support.clips import pan, write_clip

    image = Image.effect_noise((96, 72), 60).convert("RGB")
    clip = write_clip(tmp_path / "in.mp4", pan(image, 64, 48, 3), rotation=rotation)
    job = post(client, clip.read_bytes()).json
    content = next(each for each in job["inputs"] if each["role"] == "content")
    assert (content["width"], content["height"]) == size


def test_a_video_that_is_too_large(settings: Settings, service: JobService) -> None:
    limited = settings.model_copy(update={"max_video_mb": 1})
    again = JobService(limited, service.engine, service.storage, service.broker)
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
