"""Formats of still pictures: one list for all readers, and HEIC and AVIF as phones write them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from imaging.formats import DECODERS, FORMAT_NAMES, STILL_FORMATS
from imaging.icc_profile import cicp_profile
from jobs.errors import PictureTooLargeError, UnsupportedPictureError, UnusablePictureError
from jobs.media.pictures import clean_picture
from nst_core.images.picture import PictureError, read_picture

ROOT = Path(__file__).resolve().parents[2]
pillow_heif.register_heif_opener()


def quarters(mode: str = "RGB") -> Image.Image:
    """Red, grey, green and blue quarters."""
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[:24, :32], pixels[:24, 32:] = (200, 40, 40), (128, 128, 128)
    pixels[24:, :32], pixels[24:, 32:] = (40, 200, 40), (40, 40, 200)
    return Image.fromarray(pixels).convert(mode)


def heic(image: Image.Image, **options: Any) -> bytes:
    """A lossless HEIC file."""
    out = io.BytesIO()
    image.save(out, "HEIF", quality=-1, chroma=444, **options)
    return out.getvalue()


def avif(image: Image.Image, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, "AVIF", quality=100, subsampling="4:4:4", **options)
    return out.getvalue()


def saved(image: Image.Image, format_: str) -> bytes:
    if format_ == "HEIF":
        return heic(image)
    out = io.BytesIO()
    image.save(out, format_)
    return out.getvalue()


def both_doors(data: bytes) -> np.ndarray:
    """Pixels (H, W, 3 or 4) by the command line, which must be those of the file that is stored."""
    local = read_picture(data)
    stored = clean_picture(data, name="p", max_pixels=1_000_000)
    again = read_picture(stored.data)
    assert np.array_equal(local.pixels, again.pixels)
    assert (stored.info.width, stored.info.height) == (local.width, local.height)
    if local.alpha is None:
        assert again.alpha is None
        return local.pixels
    assert again.alpha is not None
    assert np.array_equal(local.alpha, again.alpha)
    return np.dstack((local.pixels, local.alpha))


@pytest.mark.parametrize("decoder", DECODERS)
def test_every_format_of_the_list_is_read_at_both_doors(decoder: str) -> None:
    data = saved(quarters(), decoder)
    found = both_doors(data)
    off = np.abs(found.astype(int) - np.array(quarters()))
    assert np.median(off) <= 8
    info = clean_picture(data, name="p", max_pixels=1_000_000).info
    kept = {"JPEG": "image/jpeg", "WEBP": "image/webp"}
    assert info.media_type == kept.get(decoder, "image/png")


def test_documents_and_messages_name_the_same_list() -> None:
    for document in ("docs/controls.md", "docs/security.md"):
        text = " ".join((ROOT / document).read_text().split())
        assert FORMAT_NAMES in text
    assert len(STILL_FORMATS) == FORMAT_NAMES.count(",") + 2
    with pytest.raises(PictureError, match="JPEG, PNG, WebP, HEIC"):
        read_picture(b"<html>")
    with pytest.raises(UnsupportedPictureError, match="JPEG, PNG, WebP, HEIC"):
        clean_picture(b"<html>", name="p", max_pixels=99)


@pytest.mark.parametrize("write", [heic, avif])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_of_phones_are_upright(write: Any, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    expected = io.BytesIO()
    quarters().save(expected, "PNG", exif=exif)
    found = both_doors(write(quarters(), exif=exif.tobytes()))
    wanted = read_picture(expected.getvalue()).pixels
    assert found.shape == wanted.shape
    assert np.abs(found.astype(int) - wanted).max() <= 3


@pytest.mark.parametrize("write", [heic, avif])
def test_profiles_and_code_points_of_phones_are_applied(write: Any) -> None:
    wide = both_doors(write(quarters(), icc_profile=cicp_profile(12, 13, gray=False)))
    assert np.abs(wide[5, 5].astype(int) - (218, 0, 26)).max() <= 3
    assert np.abs(wide[5, 60].astype(int) - 128).max() <= 1


@pytest.mark.parametrize(
    ("primaries", "transfer", "red"),
    [(1, 13, (200, 40, 40)), (1, 1, (200, 40, 40)), (12, 13, (218, 0, 26)), (2, 2, (200, 40, 40))],
)
def test_code_points_of_heic(primaries: int, transfer: int, red: tuple[int, ...]) -> None:
    data = heic(quarters(), color_primaries=primaries, transfer_characteristics=transfer)
    assert np.abs(both_doors(data)[5, 5].astype(int) - red).max() <= 1


@pytest.mark.parametrize("write", [heic, avif])
@pytest.mark.parametrize("mode", ["L", "RGBA"])
def test_gray_and_transparency(write: Any, mode: str) -> None:
    image = quarters(mode)
    if mode == "RGBA":
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    wanted = np.array(image if mode == "RGBA" else image.convert("RGB"))
    assert np.abs(both_doors(write(image)).astype(int) - wanted).max() <= 3


def test_ten_bits_are_read_as_eight() -> None:
    deep = (np.array(quarters()).astype(np.uint16) * 257).tobytes()
    out = io.BytesIO()
    pillow_heif.encode("RGB;16", (64, 48), deep, out, quality=-1, chroma=444)
    assert np.abs(both_doors(out.getvalue()).astype(int) - np.array(quarters())).max() <= 1


def test_the_primary_picture_of_a_burst_is_read() -> None:
    other = Image.new("RGB", (32, 32), "blue")
    for primary, size in ((0, (48, 64)), (1, (32, 32))):
        data = heic(quarters(), save_all=True, append_images=[other], primary_index=primary)
        assert both_doors(data).shape[:2] == size
    moving = avif(quarters(), save_all=True, append_images=[Image.new("RGB", (64, 48), "red")])
    assert np.abs(both_doors(moving).astype(int) - np.array(quarters())).max() <= 3


def test_other_animations_are_refused() -> None:
    out = io.BytesIO()
    quarters().save(out, "GIF", save_all=True, append_images=[Image.new("RGB", (64, 48), "red")])
    with pytest.raises(PictureError, match="animated"):
        read_picture(out.getvalue())
    with pytest.raises(UnsupportedPictureError, match="animated"):
        clean_picture(out.getvalue(), name="p", max_pixels=1_000_000)


@pytest.mark.parametrize("write", [heic, avif])
@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.9])
def test_damaged_files_are_one_line(write: Any, share: float) -> None:
    noise = Image.effect_noise((64, 48), 80).convert("RGB")
    whole = write(noise)
    part = whole[: max(16, int(len(whole) * share))]
    with pytest.raises(PictureError) as local:
        read_picture(part)
    with pytest.raises((UnusablePictureError, UnsupportedPictureError)) as door:
        clean_picture(part, name="p", max_pixels=1_000_000)
    assert "\n" not in str(local.value) + str(door.value)


def test_the_size_is_limited_before_pixels_are_decoded() -> None:
    for data in (heic(quarters()), avif(quarters())):
        with pytest.raises(PictureTooLargeError, match="64×48"):
            clean_picture(data, name="p", max_pixels=3_071)


def test_nothing_of_the_camera_is_stored() -> None:
    exif = Image.Exif()
    exif[0x010F] = "Maker of cameras"
    for data in (heic(quarters(), exif=exif.tobytes()), avif(quarters(), exif=exif.tobytes())):
        assert b"Maker of cameras" in data
        assert b"Maker" not in clean_picture(data, name="p", max_pixels=1_000_000).data


def test_bytes_without_a_signature_are_no_tga() -> None:
    data = saved(quarters(), "TGA")
    assert data.endswith(b"TRUEVISION-XFILE.\0")
    with pytest.raises(PictureError, match="is not a"):
        read_picture(data[:-26])
