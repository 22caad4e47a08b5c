from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from nst_core.images.picture import (
    Picture,
    PictureError,
    PictureFormat,
    encode_picture,
    read_picture,
    resize_picture,
    to_pixels,
    to_tensor,
)
from nst_core.images.save_options import srgb_profile

CORNERS = np.array(
    [[[255, 0, 0], [0, 255, 0], [9, 9, 9]], [[0, 0, 255], [255, 255, 0], [90, 90, 90]]], np.uint8
)


def saved(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_exif_orientation_is_undone(orientation: int, format: str) -> None:
    # What a camera stores is the upright picture turned the other way.
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    image = Image.fromarray(CORNERS)
    if orientation in undo:
        image = image.transpose(undo[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = read_picture(saved(image, format, exif=exif))
    np.testing.assert_array_equal(picture.pixels, CORNERS)


def test_alpha_is_turned_with_the_pixels() -> None:
    alpha = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = Image.fromarray(np.dstack((CORNERS, alpha))).transpose(Image.Transpose.ROTATE_90)
    picture = read_picture(saved(stored, exif=exif))
    assert picture.alpha is not None
    np.testing.assert_array_equal(picture.alpha, alpha)


def test_icc_profile_is_converted_to_srgb() -> None:
    swapped = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    # A profile whose red and blue primaries are exchanged, so that red in the file means blue.
    tags = {
        bytes(swapped[i : i + 4]): i
        for i in range(132, 132 + 12 * int.from_bytes(swapped[128:132]), 12)
    }
    red, blue = tags[b"rXYZ"], tags[b"bXYZ"]
    red_place, blue_place = bytes(swapped[red + 4 : red + 12]), bytes(swapped[blue + 4 : blue + 12])
    swapped[red + 4 : red + 12], swapped[blue + 4 : blue + 12] = blue_place, red_place
    swapped = swapped.replace(b"s\0R\0G\0B", b"x\0R\0G\0B").replace(b"sRGB", b"xRGB")
    image = Image.new("RGB", (4, 4), (200, 30, 30))
    plain = read_picture(saved(image))
    managed = read_picture(saved(image, icc_profile=bytes(swapped)))
    np.testing.assert_array_equal(plain.pixels[0, 0], [200, 30, 30])
    assert np.abs(managed.pixels[0, 0].astype(int) - [30, 30, 200]).max() <= 3


def test_srgb_profile_changes_nothing_and_a_broken_one_is_passed_over() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for profile in (srgb, b"no profile at all"):
        np.testing.assert_array_equal(
            read_picture(saved(Image.fromarray(CORNERS), icc_profile=profile)).pixels, CORNERS
        )


def test_cmyk_is_converted_with_and_without_profile() -> None:
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    red = read_picture(saved(image, "JPEG", quality=95)).pixels[8, 8].astype(int)
    assert red[0] > 240
    assert red[1:].max() < 15
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()  # fits no CMYK
    red = read_picture(saved(image, "JPEG", quality=95, icc_profile=srgb)).pixels[8, 8].astype(int)
    assert red[0] > 240


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    values = np.array([[0, 257, 32896, 65535]], np.uint16)
    picture = read_picture(saved(Image.fromarray(values)))
    np.testing.assert_array_equal(picture.pixels[0, :, 0], [0, 1, 128, 255])
    np.testing.assert_array_equal(picture.pixels[..., 0], picture.pixels[..., 2])
    tiff = read_picture(saved(Image.fromarray(values.astype(np.int32)), "TIFF"))
    np.testing.assert_array_equal(tiff.pixels[0, :, 1], [0, 1, 128, 255])


@pytest.mark.parametrize("top", [1.0, 255.0, 65535.0])
def test_floats_are_scaled_by_the_range_they_claim(top: float) -> None:
    values = np.array([[0, 0.5, 1]], np.float32) * np.float32(top)
    picture = read_picture(saved(Image.fromarray(values), "TIFF"))
    np.testing.assert_array_equal(picture.pixels[0, :, 0], [0, 128, 255])


def test_modes_without_colour_or_depth() -> None:
    grey = Image.fromarray(np.array([[0, 100, 255]], np.uint8))
    np.testing.assert_array_equal(read_picture(saved(grey)).pixels[0, :, 1], [0, 100, 255])
    np.testing.assert_array_equal(read_picture(saved(grey.convert("1"))).pixels[0, ::2, 1], [0, 255])
    with_alpha = Image.merge("LA", (grey, grey))
    picture = read_picture(saved(with_alpha))
    assert picture.alpha is not None
    np.testing.assert_array_equal(picture.alpha[0], [0, 100, 255])
    np.testing.assert_array_equal(picture.pixels[0, :, 2], [0, 100, 255])


def test_palette_transparency_becomes_alpha() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putpixel((1, 0), 1)
    picture = read_picture(saved(image, transparency=bytes([255, 40])))
    assert picture.alpha is not None
    np.testing.assert_array_equal(picture.alpha, [[255, 40]])
    np.testing.assert_array_equal(picture.pixels, [[[255, 0, 0], [0, 255, 0]]])


def test_opaque_alpha_is_none() -> None:
    assert read_picture(saved(Image.new("RGBA", (3, 3), (1, 2, 3, 255)))).alpha is None


def test_refuses_what_is_too_large_before_decoding() -> None:
    huge = bytearray(saved(Image.new("L", (8, 8))))
    huge[16:24] = (60_000).to_bytes(4) * 2  # a header that claims 3.6 gigapixels
    import zlib

    huge[29:33] = zlib.crc32(huge[12:29]).to_bytes(4)
    with pytest.raises(PictureError, match="too many pixels"):
        read_picture(bytes(huge))
    with pytest.raises(PictureError, match=r"10×10 pixels, more than the limit of 99"):
        read_picture(saved(Image.new("L", (10, 10))), max_pixels=99)


def test_refuses_truncated_wrong_and_animated_files(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    for format in ("PNG", "JPEG", "WEBP"):
        whole = saved(Image.fromarray(noise), format)
        with pytest.raises(PictureError):
            read_picture(whole[: len(whole) // 2])
    for wrong in (b"", b"<html>"):
        with pytest.raises(PictureError, match="not a JPEG, PNG"):
            read_picture(wrong)
    with pytest.raises(PictureError, match="damaged or cut short: it has no end"):
        read_picture(b"\x89PNG\r\n\x1a\n")
    frames = [Image.new("L", (4, 4), value) for value in (0, 255)]
    with pytest.raises(PictureError, match="animated"):
        read_picture(saved(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    with pytest.raises(PictureError, match="no file"):
        read_picture(tmp_path / "missing.png")


def test_a_phone_picture_with_a_second_image_is_a_jpeg() -> None:
    frames = [Image.new("RGB", (16, 16), color) for color in ("red", "blue")]
    picture = read_picture(saved(frames[0], "MPO", save_all=True, append_images=frames[1:]))
    assert picture.format == "JPEG"
    assert picture.pixels[8, 8, 0] > 200


def test_large_jpegs_are_decoded_small_but_not_below_half_as_much_again() -> None:
    file = saved(Image.fromarray(np.full((400, 800, 3), 90, np.uint8)), "JPEG")
    assert read_picture(file).width == 800
    small = read_picture(file, target_long_side=100)
    assert (small.width, small.height) == (200, 100)
    assert read_picture(file, target_long_side=700).width == 800
    line = saved(Image.new("RGB", (1, 3_000)), "JPEG")
    assert read_picture(line, target_long_side=10).width == 1


def test_a_jpeg_decoded_small_looks_like_one_decoded_whole() -> None:
    data = pytest.importorskip("skimage.data")
    photo = np.tile(data.astronaut(), (3, 4, 1))  # detail of a real photograph, 2048 × 1536
    file = saved(Image.fromarray(photo), "JPEG", quality=92)
    whole, small = (
        resize_picture(read_picture(file, target_long_side=target), 640).pixels.astype(float)
        for target in (None, 640)
    )
    assert read_picture(file, target_long_side=640).width == 1_024
    assert 10 * np.log10(255**2 / ((whole - small) ** 2).mean()) > 34


def test_resize_keeps_the_aspect_and_at_least_one_pixel() -> None:
    picture = Picture(np.zeros((3, 500, 3), np.uint8), np.full((3, 500), 7, np.uint8))
    small = resize_picture(picture, 10)
    assert small.pixels.shape == (1, 10, 3)
    assert small.alpha is not None
    assert small.alpha.shape == (1, 10)
    assert resize_picture(picture, 500) is picture
    with pytest.raises(PictureError):
        resize_picture(picture, 0)


def test_hidden_colours_do_not_bleed_when_resized() -> None:
    pixels = np.zeros((8, 8, 3), np.uint8)
    alpha = np.zeros((8, 8), np.uint8)
    pixels[:, 4:], alpha[:, 4:] = 255, 255
    small = resize_picture(Picture(pixels, alpha), 3)
    assert small.alpha is not None
    assert small.pixels[small.alpha > 20].min() > 250


def test_tensors_give_back_the_very_pixels() -> None:
    pixels = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    tensor = to_tensor(pixels)
    assert tensor.shape == (1, 3, 16, 16)
    assert tensor.min() == 0
    assert tensor.max() == 1
    np.testing.assert_array_equal(to_pixels(tensor), pixels)
    levels = torch.tensor([-1.0, 0.501 / 255, 0.499 / 255, 2.0]).view(1, 1, 1, 4).expand(1, 3, 1, 4)
    np.testing.assert_array_equal(to_pixels(levels)[0, :, 0], [0, 1, 0, 255])


FORMATS: tuple[PictureFormat, ...] = ("png", "jpeg", "webp")


@pytest.mark.parametrize("format", FORMATS)
def test_encoded_pictures_are_srgb_and_carry_nothing_else(format: PictureFormat) -> None:
    smooth = np.linspace(0, 255, 32 * 32 * 3).astype(np.uint8).reshape(32, 32, 3)
    file = encode_picture(Picture(smooth), format)
    with Image.open(BytesIO(file)) as image:
        assert image.format == format.upper()
        assert not image.getexif()
        assert not getattr(image, "text", {})
        profile = ImageCms.ImageCmsProfile(BytesIO(image.info["icc_profile"]))
        assert "sRGB" in ImageCms.getProfileDescription(profile)
        assert np.abs(np.asarray(image.convert("RGB")).astype(int) - smooth).mean() < 6
    again = read_picture(file)
    with Image.open(BytesIO(file)) as image:
        np.testing.assert_array_equal(again.pixels, np.asarray(image.convert("RGB")))


def test_the_profile_says_the_same_at_any_time() -> None:
    first = srgb_profile()
    srgb_profile.cache_clear()
    assert srgb_profile() == first
    assert first[24:36].hex() == "07ea00010001000000000000"


@pytest.mark.parametrize("format", FORMATS)
def test_settings_are_recorded_when_asked(format: PictureFormat) -> None:
    settings = {"alpha": 0.5, "styles": [{"style_id": "night-oils", "weight": 2.0}], "name": "é"}
    picture = Picture(np.zeros((4, 4, 3), np.uint8))
    with Image.open(BytesIO(encode_picture(picture, format, settings=settings))) as image:
        if format == "png":
            software, comment = image.text["Software"], image.text["Comment"]
        else:
            exif = image.getexif()
            software = exif[0x0131]
            comment = exif.get_ifd(0x8769)[0x9286].removeprefix(b"ASCII\0\0\0").decode()
    assert software.startswith("Atelier ")
    assert json.loads(comment) == settings


@pytest.mark.parametrize("format", ["jpeg", "webp"])
def test_quality_is_the_size_of_the_file(format: PictureFormat) -> None:
    noise = Picture(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    sizes = [len(encode_picture(noise, format, quality)) for quality in (10, 60, 95)]
    assert sizes[0] < sizes[1] < sizes[2]


def test_png_keeps_alpha_and_jpeg_lays_it_on_white() -> None:
    picture = Picture(np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.uint8))
    with Image.open(BytesIO(encode_picture(picture, "png"))) as image:
        assert image.mode == "RGBA"
    with Image.open(BytesIO(encode_picture(picture, "jpeg"))) as image:
        assert image.getpixel((4, 4)) == (255, 255, 255)


def test_encode_refuses_what_can_not_be_written() -> None:
    wide = Picture(np.zeros((1, 20_000, 3), np.uint8))
    with pytest.raises(PictureError, match="16,383"):
        encode_picture(wide, "webp")
    with pytest.raises(PictureError, match="format"):
        encode_picture(wide, "gif")  # type: ignore[arg-type]
    with pytest.raises(PictureError, match="quality"):
        encode_picture(wide, "jpeg", quality=0)
