"""Small pictures: small in pixels and in bytes, whatever they are made of."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jobs.errors import NotFoundError
from jobs.media.limits import DecodeLimits
from jobs.media.sandbox import thumbnail_in_sandbox
from jobs.media.thumbnails import MAX_BYTES, has_thumbnail, make_thumbnail, thumbnail_input_bytes
from jobs.settings import Settings


@pytest.fixture
def limits(settings: Settings) -> DecodeLimits:
    return settings.decode_limits


def noise(width: int, height: int, format_: str) -> bytes:
    pixels = np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format_)
    return out.getvalue()


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("size", [(1200, 800), (40, 30)])
def test_a_picture_of_noise_is_the_worst_case(format_: str, size: tuple[int, int]) -> None:
    small = make_thumbnail(noise(*size, format_), f"image/{format_.lower()}")

    assert len(small) <= MAX_BYTES
    with Image.open(io.BytesIO(small)) as picture:
        assert picture.format == "WEBP"
        expected = (256, 171) if size[0] > 256 else size
        assert picture.size == pytest.approx(expected, abs=1)


def test_noise_at_the_largest_side_fits() -> None:
    assert len(make_thumbnail(noise(256, 256, "PNG"), "image/png")) <= MAX_BYTES


def test_a_photo_that_was_taken_sideways_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    Image.new("RGB", (400, 200)).save(out, "JPEG", exif=exif)

    with Image.open(io.BytesIO(make_thumbnail(out.getvalue(), "image/jpeg", 96))) as picture:
        assert picture.size == (48, 96)


def test_the_colours_are_the_pictures(limits: DecodeLimits) -> None:
    out = io.BytesIO()
    Image.new("RGB", (700, 300), (200, 40, 90)).save(out, "PNG")

    small = thumbnail_in_sandbox(out.getvalue(), "image/png", limits)

    with Image.open(io.BytesIO(small)) as picture:
        assert np.asarray(picture).reshape(-1, 3).mean(0) == pytest.approx([200, 40, 90], abs=4)


def test_a_video_shows_its_first_frame(tmp_path: Path, limits: DecodeLimits) -> None:
    pytest.importorskip("av")
    from tests.support.clips import write_clip

    frames = [np.full((180, 320, 3), level, np.uint8) for level in (200, 20, 20)]
    data = write_clip(tmp_path / "clip.mp4", frames).read_bytes()

    with Image.open(io.BytesIO(thumbnail_in_sandbox(data, "video/mp4", limits))) as picture:
        assert picture.size == (256, 144)
        assert np.asarray(picture).mean() == pytest.approx(200, abs=8)


def test_what_cannot_be_decoded_has_none(limits: DecodeLimits) -> None:
    for media_type in ("image/png", "video/mp4"):
        with pytest.raises(NotFoundError):
            thumbnail_in_sandbox(b"This is no picture.", media_type, limits)
    assert not has_thumbnail("application/zip")
    assert not has_thumbnail("application/vnd.safetensors")
    assert has_thumbnail("image/gif")


@pytest.mark.parametrize("format_", ["mp4", "mkv", "webm", "gif"])
def test_the_first_bytes_of_a_long_video_are_enough(format_: str, tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    path, random = tmp_path / f"long.{format_}", np.random.default_rng(4)
    options = {"movflags": "+faststart"} if format_ == "mp4" else {}
    codec = {"gif": "gif", "webm": "libvpx-vp9"}.get(format_, "libx264")
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height = 96, 64
        stream.pix_fmt = "rgb8" if format_ == "gif" else "yuv420p"
        for _ in range(30):
            pixels = random.integers(0, 256, (64, 96, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    whole, media_type = path.read_bytes(), "image/gif" if format_ == "gif" else f"video/{format_}"

    assert thumbnail_input_bytes(media_type) < 100_000_000
    assert thumbnail_input_bytes("image/png") > 100_000_000
    assert make_thumbnail(whole[: len(whole) // 2], media_type) == make_thumbnail(whole, media_type)
