"""Colour management of still pictures. Expected values are those that Chromium 156 shows."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image, ImageCms

from imaging.icc_profile import SRGB_PRIMARIES, gamma_profile, gray_profile, rgb_profile
from jobs.media.pictures import clean_picture
from jobs.media.thumbnails import make_thumbnail
from nst_core.images.picture import read_picture

RED = (200, 40, 40)
LINEAR = gamma_profile(1.0, SRGB_PRIMARIES, gray=False)
LINEAR_GRAY = gray_profile(lambda value: value)
P3 = (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)
Chunk = tuple[bytes, bytes]


def chunk(kind: bytes, body: bytes, *, sound: bool = True) -> bytes:
    checksum = zlib.crc32(kind + body) ^ (0 if sound else 1)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


def png(image: Image.Image, *chunks: Chunk, sound: bool = True) -> bytes:
    """A PNG with further chunks behind its header."""
    out = io.BytesIO()
    image.save(out, "PNG")
    extra = b"".join(chunk(kind, body, sound=sound) for kind, body in chunks)
    return out.getvalue()[:33] + extra + out.getvalue()[33:]


def solid(color: int | tuple[int, ...], mode: str = "RGB") -> Image.Image:
    return Image.new(mode, (16, 16), color)


def gama(value: int) -> Chunk:
    return b"gAMA", struct.pack(">I", value)


def cicp(*codes: int) -> Chunk:
    return b"cICP", bytes(codes)


def iccp(profile: bytes) -> Chunk:
    return b"iCCP", b"p\0\0" + zlib.compress(profile)


CHRM: Chunk = (b"cHRM", struct.pack(">8I", *(round(100_000 * value) for value in P3)))
SRGB: Chunk = (b"sRGB", b"\0")


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([gama(100_000)], (229, 110, 110)),
        ([gama(45_455)], RED),
        ([gama(55_556)], (210, 53, 53)),
        ([CHRM], RED),
        ([gama(45_455), CHRM], (220, 0, 18)),
        ([gama(100_000), SRGB], RED),
        ([iccp(LINEAR)], (229, 110, 110)),
        ([iccp(LINEAR), SRGB], (229, 110, 110)),
        ([iccp(LINEAR_GRAY)], RED),
        ([cicp(12, 13, 0, 1)], (218, 0, 26)),
        ([cicp(9, 13, 0, 1)], (249, 0, 27)),
        ([cicp(1, 1, 0, 1)], (197, 28, 28)),
        ([cicp(1, 8, 0, 1)], (229, 110, 110)),
        ([cicp(1, 4, 0, 1)], (201, 35, 35)),
        ([cicp(6, 13, 0, 1)], (195, 49, 39)),
        ([cicp(4, 13, 0, 1)], (237, 21, 18)),
        ([cicp(12, 13, 0, 1), iccp(LINEAR)], (218, 0, 26)),
        ([cicp(2, 13, 0, 1)], RED),
        ([cicp(12, 13, 0, 0)], RED),
        ([cicp(12, 13, 0)], RED),
        ([gama(0)], RED),
    ],
)
def test_colour_chunks_of_png_mean_what_browsers_show(
    chunks: Sequence[Chunk], expected: tuple[int, ...]
) -> None:
    data = png(solid(RED), *chunks)
    pixels = read_picture(data).pixels[8, 8].astype(int)
    assert np.abs(pixels - expected).max() <= 1
    stored = clean_picture(data, name="photo", max_pixels=1000).data
    np.testing.assert_array_equal(read_picture(stored).pixels[8, 8], pixels)


@pytest.mark.parametrize("kind", [gama(100_000), iccp(LINEAR), cicp(12, 13, 0, 1)])
def test_colour_chunks_with_a_wrong_checksum_or_behind_the_pixels_are_ignored(kind: Chunk) -> None:
    damaged = png(solid(RED), kind, sound=False)
    whole = png(solid(RED))
    late = whole[:-12] + chunk(*kind) + whole[-12:]
    for data in (damaged, late):
        assert tuple(read_picture(data).pixels[8, 8]) == RED
        stored = clean_picture(data, name="photo", max_pixels=1000).data
        assert tuple(read_picture(stored).pixels[8, 8]) == RED


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize(
    ("color", "mode", "profile", "expected"),
    [
        (RED, "RGB", LINEAR, (229, 110, 110)),
        (RED, "RGB", LINEAR_GRAY, RED),
        (100, "L", LINEAR, (168, 168, 168)),
        (100, "L", LINEAR_GRAY, (168, 168, 168)),
    ],
)
def test_a_profile_applies_to_the_colour_space_that_it_describes(
    format_: str, color: int, mode: str, profile: bytes, expected: tuple[int, ...]
) -> None:
    if format_ == "WEBP" and mode == "L":
        pytest.skip("WebP has no grey")
    out = io.BytesIO()
    options = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}.get(format_, {})
    solid(color, mode).save(out, format_, icc_profile=profile, **options)
    pixels = read_picture(out.getvalue()).pixels[8, 8].astype(int)
    assert np.abs(pixels - expected).max() <= 2


def test_a_name_of_srgb_proves_nothing() -> None:
    profile = bytearray(LINEAR)
    at = bytes(profile).index(b"desc\0\0\0\0")
    profile[at + 8 : at + 17] = struct.pack(">I", 5) + b"sRGB\0"
    assert "sRGB" in ImageCms.ImageCmsProfile(io.BytesIO(bytes(profile))).profile.profile_description
    assert tuple(read_picture(png(solid(RED), iccp(bytes(profile)))).pixels[8, 8]) == (229, 110, 110)


def test_pixels_in_any_profile_of_srgb_stay_bit_for_bit() -> None:
    def curve(value: float) -> float:
        return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    unnamed = rgb_profile(SRGB_PRIMARIES, curve)
    data = png(Image.fromarray(pixels), iccp(unnamed))
    np.testing.assert_array_equal(read_picture(data).pixels, pixels)


def test_profiles_that_are_no_device_space_are_ignored() -> None:
    for profile in (LINEAR[:12] + b"link" + LINEAR[16:], LINEAR[:200], b"", bytes(500)):
        assert tuple(read_picture(png(solid(RED), iccp(profile))).pixels[8, 8]) == RED


@pytest.mark.parametrize("mode", ["P", "RGBA", "LA"])
def test_palettes_and_alpha_are_converted_too(mode: str) -> None:
    image = solid(100, "L").convert(mode) if mode != "RGBA" else solid((100, 100, 100, 90), mode)
    picture = read_picture(png(image, gama(100_000)))
    assert tuple(picture.pixels[8, 8]) == (168, 168, 168)
    assert (picture.alpha is None) == (mode != "RGBA")


def test_gray_of_16_bits_is_converted_before_it_is_rounded() -> None:
    values = np.array([[0, 40, 200, 655, 65_535]], np.uint16)  # linear, in the deep shadows
    pixels = read_picture(png(Image.fromarray(values), gama(100_000))).pixels[0, :, 0]
    expected = [round(255 * float(v)) for v in (0, 0.00789, 0.03801, 0.09985, 1)]
    assert np.abs(pixels.astype(int) - expected).max() <= 1


def test_a_long_profile_and_long_or_damaged_texts_decide_nothing() -> None:
    long = LINEAR + np.random.default_rng(0).bytes(1_300_000)
    text = b"Comment\0\0" + zlib.compress(b"x" * 2_000_000)
    international = b"Comment\0\1\0\0\0" + zlib.compress(b"x" * 2_000_000)
    cases = {
        png(solid(RED), iccp(long)): (229, 110, 110),
        png(solid(RED), (b"zTXt", text), (b"iTXt", international)): RED,
        png(solid(RED), (b"tEXt", b"Comment\0hello"), sound=False): RED,
        png(solid(RED), (b"eXIf", b"MM\0*rubbish"), (b"pHYs", b"")): RED,
    }
    for data, expected in cases.items():
        assert tuple(read_picture(data).pixels[8, 8]) == expected
        stored = clean_picture(data, name="photo", max_pixels=1000).data
        assert tuple(read_picture(stored).pixels[8, 8]) == expected


@pytest.mark.parametrize("kind", [b"zTXt", b"eXIf"])
def test_an_orientation_is_found_beside_a_long_text(kind: bytes) -> None:
    image = Image.new("RGB", (16, 8), "black")
    exif = Image.Exif()
    exif[0x0112] = 6
    body = exif.tobytes()
    raw = b"\nexif\n%8d\n" % len(body) + body.hex().encode()
    found = (b"eXIf", body[6:]) if kind == b"eXIf" else (
        b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(raw)
    )  # fmt: skip
    long = (b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * 2_000_000))
    picture = read_picture(png(image, long, found))
    assert (picture.width, picture.height) == (8, 16)


def test_a_wrong_checksum_of_pixels_is_refused() -> None:
    data = bytearray(png(solid(RED)))
    data[data.index(b"IDAT") + 6] ^= 0xFF
    with pytest.raises(ValueError, match="damaged"):
        read_picture(bytes(data))


def test_thumbnails_are_in_srgb_and_keep_transparency() -> None:
    for data in (png(solid(RED), gama(100_000)), png(solid(RED), iccp(LINEAR))):
        with Image.open(io.BytesIO(make_thumbnail(data, "image/png"))) as small:
            assert np.abs(np.array(small.convert("RGB"))[8, 8].astype(int) - (229, 110, 110)).max() < 8
    with Image.open(io.BytesIO(make_thumbnail(png(solid((9, 9, 9, 0), "RGBA")), "image/png"))) as small:
        assert small.convert("RGBA").getpixel((8, 8))[3] == 0


@pytest.mark.parametrize(
    ("primaries", "transfer", "expected"),
    [(1, 13, RED), (1, 1, RED), (12, 13, (218, 0, 26)), (1, 8, (229, 110, 110)), (2, 2, RED)],
)
def test_code_points_of_avif(primaries: int, transfer: int, expected: tuple[int, ...]) -> None:
    out = io.BytesIO()
    solid(RED).save(out, "AVIF", quality=100, subsampling="4:4:4")
    data = bytearray(out.getvalue())
    at = data.index(b"nclx")
    struct.pack_into(">HH", data, at + 4, primaries, transfer)
    pixels = read_picture(bytes(data)).pixels[8, 8].astype(int)
    assert np.abs(pixels - expected).max() <= 4
