"""Small pictures: small in pixels and in bytes, whatever they are made of."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jobs.decode_limits import DecodeLimits
from jobs.decoding import take_thumbnail
from jobs.errors import NotFoundError
from jobs.settings import Settings
from jobs.thumbnails import MOST_BYTES, has_thumbnail, make_thumbnail


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

    assert len(small) <= MOST_BYTES
    with Image.open(io.BytesIO(small)) as picture:
        assert picture.format == "WEBP"
        expected = (256, 171) if size[0] > 256 else size
        assert picture.size == pytest.approx(expected, abs=1)


def test_noise_at_the_largest_side_fits() -> None:
    assert len(make_thumbnail(noise(256, 256, "PNG"), "image/png")) <= MOST_BYTES


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

    small = take_thumbnail(out.getvalue(), "image/png", limits)

    with Image.open(io.BytesIO(small)) as picture:
        assert np.asarray(picture).reshape(-1, 3).mean(0) == pytest.approx([200, 40, 90], abs=4)


def test_a_video_shows_its_first_frame(tmp_path: Path, limits: DecodeLimits) -> None:
    pytest.importorskip("av")
    from nst_core.gallery.clips import write_clip

    frames = [np.full((180, 320, 3), level, np.uint8) for level in (200, 20, 20)]
    data = write_clip(tmp_path / "clip.mp4", frames).read_bytes()

    with Image.open(io.BytesIO(take_thumbnail(data, "video/mp4", limits))) as picture:
        assert picture.size == (256, 144)
        assert np.asarray(picture).mean() == pytest.approx(200, abs=8)


def test_what_cannot_be_decoded_has_none(limits: DecodeLimits) -> None:
    for media_type in ("image/png", "video/mp4"):
        with pytest.raises(NotFoundError):
            take_thumbnail(b"This is no picture.", media_type, limits)
    assert not has_thumbnail("application/zip")
    assert not has_thumbnail("application/vnd.safetensors")
    assert has_thumbnail("image/gif")
