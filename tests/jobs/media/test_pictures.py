from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from PIL import Image

from imaging.formats import STORED_MEDIA_TYPES as FORMATS
from jobs.errors import PictureTooLargeError, UnsupportedPictureError, UnusablePictureError
from jobs.media.pictures import SUFFIXES, inspect_picture


@pytest.mark.parametrize("format_", FORMATS)
def test_pictures_are_told_by_their_bytes(picture: Callable[..., bytes], format_: str) -> None:
    info = inspect_picture(picture(48, 32, format_), name="photo.gif", max_pixels=10_000)

    assert (info.media_type, info.width, info.height) == (FORMATS[format_], 48, 32)
    assert info.media_type in SUFFIXES


def animated() -> bytes:
    out = io.BytesIO()
    frames = [Image.new("RGB", (9, 9), colour) for colour in ("red", "blue")]
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    return out.getvalue()


def icon() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (16, 16)).save(out, "ICO")
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (b"", UnusablePictureError, "empty"),
        (b"just text", UnsupportedPictureError, "not a JPEG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", UnsupportedPictureError, "not a JPEG"),
        (icon(), UnsupportedPictureError, "not a JPEG"),
        (animated(), UnsupportedPictureError, "animated"),
    ],
)
def test_what_is_refused(data: bytes, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        inspect_picture(data, name="photo.jpg", max_pixels=10_000, pointer="content")

    assert "photo.jpg" in str(caught.value)
    assert caught.value.pointer == "content"


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_truncated_pictures(picture: Callable[..., bytes], format_: str, share: float) -> None:
    data = picture(160, 120, format_)

    with pytest.raises((UnusablePictureError, UnsupportedPictureError)):
        inspect_picture(data[: int(len(data) * share)], name="photo", max_pixels=100_000)


@pytest.mark.parametrize("side", [101, 20_000])
def test_too_many_pixels_are_refused_before_they_are_decoded(side: int) -> None:
    out = io.BytesIO()
    Image.new("1", (side, side)).save(out, "PNG")

    with pytest.raises(PictureTooLargeError):
        inspect_picture(out.getvalue(), name="bomb.png", max_pixels=10_000)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"mode": "CMYK"}])
def test_a_jpeg_is_read_to_its_end(picture: Callable[..., bytes], options: dict[str, object]) -> None:
    """A JPEG's pixels are not made when it is checked; what is cut off at the end is noticed anyway."""
    mode = str(options.pop("mode", "RGB"))
    out = io.BytesIO()
    with Image.open(io.BytesIO(picture(640, 480))) as image:
        image.convert(mode).save(out, "JPEG", quality=95, **options)
    data = out.getvalue()

    info = inspect_picture(data, name="photo", max_pixels=1_000_000)
    assert (info.width, info.height) == (640, 480)
    for cut in (len(data) // 2, len(data) - 2000):
        with pytest.raises(UnusablePictureError):
            inspect_picture(data[:cut], name="photo", max_pixels=1_000_000)
