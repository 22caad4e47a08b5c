"""Bit depths, photometric interpretations, transparency, pages and ends of picture files."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from imaging.still import open_still
from jobs.errors import UnsupportedPictureError, UnusablePictureError
from jobs.media.pictures import clean_picture
from jobs.media.thumbnails import make_thumbnail
from nst_core.images.picture import PictureError, read_picture

LEVELS = np.array([[0, 13, 128, 242, 255]], np.uint8)


def tiff(
    samples: np.ndarray,
    *,
    bits: int | None = None,
    order: str = "<",
    photometric: int = 1,
    **tags: float,
) -> bytes:
    """An uncompressed grey TIFF of one strip; `bits` 12 packs two samples into three bytes."""
    kind = {"u": 1, "i": 2, "f": 3}[samples.dtype.kind]
    bits = bits or samples.dtype.itemsize * 8
    if bits == 12:
        packed = "".join(f"{value:012b}" for value in samples.ravel())
        packed += "0" * (-len(packed) % 8)
        pixels = int(packed, 2).to_bytes(len(packed) // 8)
    else:
        pixels = samples.astype(samples.dtype.newbyteorder(order)).tobytes()
    height, width = samples.shape
    entries = [
        (256, 4, width), (257, 4, height), (258, 3, bits), (259, 3, 1), (262, 3, photometric),
        (273, 4, 8), (277, 3, 1), (278, 4, height), (279, 4, len(pixels)), (339, 3, kind),
    ]  # fmt: skip
    entries += [({"smin": 340, "smax": 341}[name], 11, value) for name, value in tags.items()]
    pixels += b"\0" * (len(pixels) % 2)
    ifd = struct.pack(order + "H", len(entries))
    for tag, type_, value in entries:
        form = {3: "H2x", 4: "I", 11: "f"}[type_]
        ifd += struct.pack(f"{order}HHI{form}", tag, type_, 1, value)
    head = b"II*\0" if order == "<" else b"MM\0*"
    return head + struct.pack(order + "I", 8 + len(pixels)) + pixels + ifd + bytes(4)


def levels(data: bytes) -> list[int]:
    return [int(value) for value in read_picture(data).pixels[0, :, 1]]


U16 = LEVELS.astype(np.uint16) * 257
SAMPLES: dict[str, np.ndarray] = {
    "8 bits": LEVELS,
    "16 bits": U16,
    "signed 16 bits": (U16.astype(np.int32) - 32_768).astype(np.int16),
    "32 bits": LEVELS.astype(np.uint32) * 16_843_009,
    "16 bits in 32": U16.astype(np.uint32),
    "signed 32 bits": (LEVELS.astype(np.int64) * 16_843_009 - 2**31).astype(np.int32),
    "float": LEVELS.astype(np.float32) / 255,
    "float of levels": LEVELS.astype(np.float32),
    "float of 16 bits": U16.astype(np.float32),
    "float of 64 bits": LEVELS.astype(np.float64) / 255,
}


def without_sample_format(data: bytes, order: str) -> bytes:
    """A TIFF of `tiff` without its last entry: samples are then unsigned."""
    at = struct.unpack_from(order + "I", data, 4)[0]
    count = struct.unpack_from(order + "H", data, at)[0] - 1
    return data[:at] + struct.pack(order + "H", count) + data[at + 2 : at + 2 + 12 * count] + bytes(4)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("name", ["16 bits", "32 bits"])
def test_samples_are_unsigned_unless_the_file_says_otherwise(name: str, order: str) -> None:
    data = without_sample_format(tiff(SAMPLES[name], order=order), order)
    assert levels(data) == [0, 13, 128, 242, 255]


def compressed(data: bytes) -> bytes:
    """The same TIFF with its strip compressed by zlib (Adobe deflate)."""
    order = "<" if data[:2] == b"II" else ">"
    at = struct.unpack_from(order + "I", data, 4)[0]
    count = struct.unpack_from(order + "H", data, at)[0]
    entries = [list(struct.unpack_from(order + "HHI4s", data, at + 2 + 12 * n)) for n in range(count)]
    strip = next(entry for entry in entries if entry[0] == 279)
    pixels = zlib.compress(data[8 : 8 + struct.unpack(order + "I", strip[3])[0]])
    for entry in entries:
        if entry[0] == 259:
            entry[3] = struct.pack(order + "H2x", 8)
        elif entry[0] == 279:
            entry[3] = struct.pack(order + "I", len(pixels))
    pixels += b"\0" * (len(pixels) % 2)
    ifd = struct.pack(order + "H", count) + b"".join(struct.pack(order + "HHI4s", *e) for e in entries)
    return data[:4] + struct.pack(order + "I", 8 + len(pixels)) + pixels + ifd + bytes(4)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("name", SAMPLES)
def test_compression_changes_no_sample(name: str, order: str) -> None:
    found = levels(compressed(tiff(SAMPLES[name], order=order)))
    assert np.abs(np.subtract(found, [0, 13, 128, 242, 255])).max() <= 1


def test_signed_bytes() -> None:
    data = tiff((LEVELS.astype(np.int16) - 128).astype(np.int8))
    assert levels(data) == [0, 13, 128, 242, 255]


@pytest.mark.parametrize("order", ["<", ">"])
def test_separate_planes_of_16_bits(order: str) -> None:
    planes = [np.full(5, value, np.uint16) * 257 for value in (200, 40, 90)]
    pixels = b"".join(plane.astype(f"{order}u2").tobytes() for plane in planes)
    offsets = 8 + len(pixels)
    tail = struct.pack(order + "3H2x3I3I", 16, 16, 16, 8, 18, 28, 10, 10, 10)
    entries = [
        (256, 4, 1, 5), (257, 4, 1, 1), (258, 3, 3, offsets), (259, 3, 1, 1), (262, 3, 1, 2),
        (273, 4, 3, offsets + 8), (277, 3, 1, 3), (278, 4, 1, 1), (279, 4, 3, offsets + 20),
        (284, 3, 1, 2),
    ]  # fmt: skip
    ifd = struct.pack(order + "H", len(entries))
    for tag, type_, count, value in entries:
        form = "H2x" if type_ == 3 and count == 1 else "I"
        ifd += struct.pack(f"{order}HHI{form}", tag, type_, count, value)
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", offsets + len(tail))
    picture = read_picture(head + pixels + tail + ifd + bytes(4))
    assert picture.pixels.tolist() == [[[200, 40, 90]] * 5]


def test_samples_without_a_reader_are_named() -> None:
    half = tiff(LEVELS.astype(np.float16))
    with pytest.raises(PictureError, match="a TIFF of a kind that can't be read"):
        read_picture(half)
    with pytest.raises(UnsupportedPictureError, match="Save it with 8 or 16 bits"):
        clean_picture(half, name="p", max_pixels=99)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("photometric", [1, 0])
@pytest.mark.parametrize("name", SAMPLES)
def test_gray_tiff_of_any_depth_is_the_picture_of_8_bits(
    name: str, photometric: int, order: str
) -> None:
    expected = [0, 13, 128, 242, 255] if photometric else [255, 242, 127, 13, 0]
    found = levels(tiff(SAMPLES[name], photometric=photometric, order=order))
    assert np.abs(np.subtract(found, expected)).max() <= 1


def test_12_bits() -> None:
    twelve = np.round(LEVELS.astype(float) * 4095 / 255).astype(np.uint16)
    assert levels(tiff(np.pad(twelve, ((0, 0), (0, 1))), bits=12))[:5] == [0, 13, 128, 242, 255]


def test_the_range_of_samples_is_what_the_file_states() -> None:
    temperatures = np.array([[-10, 0, 10, 20, 30]], np.float32)
    assert levels(tiff(temperatures, smin=-10, smax=30)) == [0, 64, 128, 191, 255]
    assert levels(tiff(temperatures, smin=0, smax=20)) == [0, 0, 128, 255, 255]
    assert levels(tiff(temperatures)) == [0, 64, 128, 191, 255]
    assert levels(tiff(np.array([[0.25, 0.5]], np.float32), smin=0, smax=0.5)) == [128, 255]


def test_values_that_are_no_numbers_are_black() -> None:
    assert levels(tiff(np.array([[np.nan, np.inf, 0.5]], np.float32))) == [0, 0, 128]


def png_of_samples(depth: int, color_type: int, row: bytes, width: int, trns: bytes) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + checksum

    header = struct.pack(">IIBBBBB", width, 1, depth, color_type, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"tRNS", trns)
        + chunk(b"IDAT", zlib.compress(b"\0" + row)) + chunk(b"IEND", b"")
    )  # fmt: skip


@pytest.mark.parametrize(
    ("depth", "row", "clear"),
    [(1, 0b01_000000, 1), (2, 0b10_01_0000, 1), (4, 0b1100_0011, 3), (8, (9, 200), 200)],
)
def test_transparent_gray_of_few_bits(depth: int, row: Any, clear: int) -> None:
    raw = bytes(row) if isinstance(row, tuple) else bytes([row])
    data = png_of_samples(depth, 0, raw, 2, struct.pack(">H", clear))
    for each in (data, clean_picture(data, name="p", max_pixels=99).data):
        alpha = read_picture(each).alpha
        assert alpha is not None
        assert alpha.tolist() == [[255, 0]]


def test_transparency_of_16_bits() -> None:
    gray = png_of_samples(16, 0, struct.pack(">HH", 1000, 1001), 2, struct.pack(">H", 1001))
    color = struct.pack(">6H", 51_400, 10_280, 10_280, 0, 65_535, 257)
    rgb = png_of_samples(16, 2, color, 2, struct.pack(">3H", 0, 65_535, 257))
    for data in (gray, rgb):
        for each in (data, clean_picture(data, name="p", max_pixels=99).data):
            picture = read_picture(each)
            assert picture.alpha is not None
            assert picture.alpha.tolist() == [[255, 0]]
    assert read_picture(rgb).pixels[0, 0].tolist() == [200, 40, 40]


@pytest.mark.parametrize("difference", [1, 256])
def test_the_transparent_colour_of_16_bits_is_compared_in_all_bits(difference: int) -> None:
    key = (51_400, 10_280, 10_281)
    near = [tuple(v + difference * (i == n) for i, v in enumerate(key)) for n in range(3)]
    row = struct.pack(">12H", *key, *(value for color in near for value in color))
    data = png_of_samples(16, 2, row, 4, struct.pack(">3H", *key))
    clean = clean_picture(data, name="p", max_pixels=99).data
    for each in (data, clean):
        picture = read_picture(each)
        assert picture.alpha is not None
        assert picture.alpha.tolist() == [[0, 255, 255, 255]]
        assert picture.pixels[0, 0].tolist() == [200, 40, 40]
    with Image.open(io.BytesIO(make_thumbnail(clean, "image/png"))) as small:
        assert small.convert("RGBA").getchannel("A").getextrema() == (0, 255)


@pytest.mark.parametrize("color_type", [0, 2])
def test_bits_above_the_depth_of_a_transparent_colour_are_ignored(color_type: int) -> None:
    channels = 3 if color_type else 1
    row = bytes([40] * channels + [200] * channels)
    data = png_of_samples(8, color_type, row, 2, struct.pack(">H", 0x1228) * channels)
    alpha = read_picture(data).alpha
    assert alpha is not None
    assert alpha.tolist() == [[0, 255]]


def test_a_reduced_copy_or_a_mask_is_no_page() -> None:
    main, copy = Image.new("RGB", (40, 30), "red"), Image.new("RGB", (4, 3), "blue")

    def pages(*found: tuple[Image.Image, int]) -> bytes:
        out = io.BytesIO()
        frames = []
        for image, kind in found:
            info = ImageFileDirectory_v2()
            info[254] = kind
            image = image.copy()
            image.encoderinfo = {"tiffinfo": info}  # type: ignore[attr-defined]
            frames.append(image)
        first = frames[0].encoderinfo  # type: ignore[attr-defined]
        frames[0].save(out, "TIFF", save_all=True, append_images=frames[1:], **first)
        return out.getvalue()

    for data in (pages((main, 0), (copy, 1)), pages((copy, 1), (main, 0)), pages((main, 0), (copy, 4))):
        picture = read_picture(data)
        assert (picture.width, picture.height) == (40, 30)
        assert picture.pixels[9, 9].tolist() == [255, 0, 0]
    with pytest.raises(PictureError, match=r"several pages \(2\)"):
        read_picture(pages((main, 0), (main, 0)))


def noisy_jpeg(**options: Any) -> bytes:
    out = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(out, "JPEG", **options)
    return out.getvalue()


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 4}])
def test_a_jpeg_needs_its_pixels_but_not_its_end_marker(options: dict[str, Any]) -> None:
    whole = noisy_jpeg(**options)
    without_end = whole[:-2]
    np.testing.assert_array_equal(read_picture(without_end).pixels, read_picture(whole).pixels)
    assert clean_picture(without_end, name="p", max_pixels=9999).data == whole
    for lost in (20, len(whole) // 2):
        with pytest.raises(PictureError, match="cut short"):
            read_picture(whole[:-lost])
        with pytest.raises(UnusablePictureError, match="damaged"):
            clean_picture(whole[:-lost], name="p", max_pixels=9999)


def test_jpeg_segments_beside_the_pixels_decide_nothing() -> None:
    whole = noisy_jpeg()
    for marker, body in (
        (0xE1, b"Exif\0\0rubbish"),
        (0xE2, b"MPF\0rubbish"),
        (0xED, b"Photoshop 3.0\0x"),
    ):
        segment = bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body
        data = whole[:2] + segment + whole[2:]
        np.testing.assert_array_equal(read_picture(data).pixels, read_picture(whole).pixels)
        assert clean_picture(data, name="p", max_pixels=9999).data == whole


def test_the_upload_check_and_rendering_open_the_same_bytes() -> None:
    data = noisy_jpeg() + b"trailer"
    with open_still(data, ("JPEG",)) as still:
        assert still.data == clean_picture(data, name="p", max_pixels=9999).data
