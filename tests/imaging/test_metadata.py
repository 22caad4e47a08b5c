from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageCms

from imaging.metadata import picture_format, strip_metadata
from jobs.errors import UnusablePictureError
from jobs.media.pictures import clean_picture

FORMATS = ("JPEG", "PNG", "WEBP")
SECRET = b"52.5200 N 13.4050 E"


def photo(format_: str, orientation: int = 1) -> bytes:
    """A picture that tells where it was taken, in every way that its format knows."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = SECRET.decode()
    exif.get_ifd(0x8825)[29] = SECRET.decode()
    pixels = np.random.default_rng(1).integers(0, 255, (24, 40, 3), dtype=np.uint8)
    options = {
        "exif": exif,
        "icc_profile": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        "xmp": b"<x:xmpmeta>" + SECRET + b"</x:xmpmeta>",
    }
    if format_ == "JPEG":
        options["comment"] = SECRET
    if format_ == "PNG":
        from PIL.PngImagePlugin import PngInfo

        info = PngInfo()
        info.add_text("Location", SECRET.decode())
        info.add_text("Zipped", SECRET.decode() * 20, zip=True)
        options["pnginfo"] = info
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, format_, **options)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_what_decides_how_it_looks_stays_and_nothing_else(format_: str, orientation: int) -> None:
    data = photo(format_, orientation)
    assert SECRET in data

    clean = clean_picture(data, name="photo", max_pixels=10_000).data

    before, after = opened(data), opened(clean)
    assert np.array_equal(np.asarray(before), np.asarray(after))
    assert after.info["icc_profile"] == before.info["icc_profile"]
    assert after.getexif().get(0x0112, 1) == orientation
    assert set(after.getexif()) <= {0x0112}
    assert not after.getexif().get_ifd(0x8825)
    assert SECRET not in clean
    assert "xmp" not in after.info
    assert {"comment", "Location", "Zipped"}.isdisjoint(after.info)


@pytest.mark.parametrize("format_", FORMATS)
def test_a_clean_picture_stays_as_it_is(picture: Callable[..., bytes], format_: str) -> None:
    data = picture(format=format_)
    again = clean_picture(data, name="photo", max_pixels=10_000).data

    assert clean_picture(again, name="photo", max_pixels=10_000).data == again
    assert again == data


@pytest.mark.parametrize("format_", FORMATS)
def test_what_hides_behind_the_picture_goes(picture: Callable[..., bytes], format_: str) -> None:
    data = picture(format=format_)

    assert clean_picture(data + SECRET, name="photo", max_pixels=10_000).data == data


def test_a_progressive_jpeg_keeps_all_its_scans() -> None:
    out = io.BytesIO()
    pixels = np.random.default_rng(2).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(out, "JPEG", progressive=True, comment=SECRET)

    clean = clean_picture(out.getvalue(), name="photo", max_pixels=10_000).data

    assert np.array_equal(np.asarray(opened(out.getvalue())), np.asarray(opened(clean)))
    assert SECRET not in clean


@pytest.mark.parametrize("format_", FORMATS)
def test_structures_that_do_not_hold_are_said_in_words(
    picture: Callable[..., bytes], format_: str
) -> None:
    data = picture(format=format_)
    assert picture_format(data) == format_

    with pytest.raises(UnusablePictureError, match="damaged"):
        clean_picture(
            data[: len(data) // 2] if format_ != "JPEG" else data[:20], name="p", max_pixels=9999
        )


def test_no_metadata_of_a_format_that_is_not_taken() -> None:
    assert picture_format(b"GIF89a") is None
    assert picture_format(b"") is None
    with pytest.raises(ValueError, match="end"):
        strip_metadata(b"\xff\xd8\xff", "JPEG")
