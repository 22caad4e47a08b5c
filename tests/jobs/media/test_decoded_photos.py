"""Pixels that the check of an upload decoded: as a worker decodes them, private, bounded, read once."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import time
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from jobs.media import decoded_photos
from jobs.media.decoded_photos import (
    MAX_AGE_SECONDS,
    MAX_PHOTO_BYTES,
    DecodedPhotos,
    PixelLayout,
    WorkerSize,
)
from jobs.media.decoder_pool import DecoderPool, WithBytes
from jobs.media.pictures import clean_picture
from nst_core.images.picture import read_picture

pillow_heif.register_heif_opener()
SHA256 = hashlib.sha256(b"photo").hexdigest()
LAYOUT = PixelLayout(format="JPEG", width=3, height=2, has_alpha=False)
PIXELS = bytes(range(18))


def colors(mode: str = "RGB", width: int = 400, height: int = 300) -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 256, (height, width, len(mode)), np.uint8)
    return Image.fromarray(noise, mode)


def saved(image: Image.Image, format_: str, orientation: int = 1, **options: Any) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = io.BytesIO()
    image.save(out, format_, exif=exif, **options)
    return out.getvalue()


DEEP = Image.fromarray(np.random.default_rng(1).integers(0, 65_536, (30, 40), np.uint16))
FILES = {
    "a JPEG": saved(colors(), "JPEG"),
    "a JPEG on its side": saved(colors(), "JPEG", orientation=6),
    "a JPEG that is mirrored": saved(colors(), "JPEG", orientation=5),
    "a grey JPEG": saved(colors().convert("L"), "JPEG"),
    "a CMYK JPEG": saved(colors("CMYK"), "JPEG"),
    "a PNG with alpha on its side": saved(colors("RGBA"), "PNG", orientation=8),
    "a PNG with a clear colour": saved(colors().convert("P"), "PNG", transparency=3),
    "a PNG of 16 bits": saved(DEEP, "PNG"),
    "a WebP with alpha": saved(colors("RGBA"), "WEBP", lossless=True),
    "a HEIC": saved(colors(), "HEIF", quality=60),
    "a HEIC with alpha": saved(colors("RGBA"), "HEIF", quality=60),
    "a TIFF on its side": saved(colors(), "TIFF", orientation=6),
}


@pytest.fixture
def photos(tmp_path: Path) -> DecodedPhotos:
    return DecodedPhotos(tmp_path / "home" / "decoded", 3 * MAX_PHOTO_BYTES)


def put(photos: DecodedPhotos, long_side: int | None = 64) -> Path:
    """Store the pixels of a photo; returns their file."""
    photo = photos.stage(long_side)
    assert photo is not None
    photo.write(LAYOUT, memoryview(PIXELS))
    photo.publish(SHA256)
    photo.close()
    return photos._folder / f"{SHA256}-{long_side or 'whole'}"


@pytest.mark.parametrize("long_side", [16, 90, 200, None])
@pytest.mark.parametrize("name", FILES)
def test_a_worker_would_decode_the_same_pixels(name: str, long_side: int | None) -> None:
    clean = clean_picture(
        FILES[name], name=name, max_pixels=1_000_000, worker_size=WorkerSize(long_side=long_side)
    )
    expected = read_picture(clean.data, target_long_side=long_side)

    assert clean.pixels is not None
    layout = clean.pixels.layout
    assert (layout.format, layout.width, layout.height, layout.has_alpha) == (
        *(expected.format, expected.width, expected.height),
        expected.alpha is not None,
    )
    planes = [expected.pixels] if expected.alpha is None else [expected.pixels, expected.alpha]
    assert list(clean.pixels.planes) == [plane.tobytes() for plane in planes]
    assert clean.data == clean_picture(FILES[name], name=name, max_pixels=1_000_000).data


def test_a_photo_of_too_many_pixels_is_not_handed_over() -> None:
    data = saved(colors(width=2000, height=1700), "JPEG", quality=10)

    whole = clean_picture(data, name="p", max_pixels=4_000_000, worker_size=WorkerSize(long_side=None))
    half = clean_picture(data, name="p", max_pixels=4_000_000, worker_size=WorkerSize(long_side=600))

    assert whole.pixels is None
    assert half.pixels is not None
    assert half.pixels.layout.width == 1000


def test_pixels_are_taken_once_for_the_same_photo_and_size(photos: DecodedPhotos) -> None:
    put(photos)

    assert photos.take(SHA256, 65) is None
    assert photos.take(SHA256, None) is None
    assert photos.take(hashlib.sha256(b"other").hexdigest(), 64) is None
    taken = photos.take(SHA256, 64)
    assert taken is not None
    assert (taken.layout, taken.pixels) == (LAYOUT, PIXELS)
    assert photos.take(SHA256, 64) is None
    assert list(photos._folder.iterdir()) == []


def test_files_are_private(photos: DecodedPhotos) -> None:
    path = put(photos)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.parent.chmod(0o750)
    assert photos.take(SHA256, 64) is None
    path.parent.chmod(0o700)
    path.chmod(0o640)
    assert photos.take(SHA256, 64) is None


def test_a_link_is_not_followed(photos: DecodedPhotos, tmp_path: Path) -> None:
    path = put(photos)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")

    assert photos.take(SHA256, 64) is None


def test_a_file_under_another_name_is_refused(photos: DecodedPhotos) -> None:
    path = put(photos)
    path.rename(path.with_name(f"{SHA256}-32"))

    assert photos.take(SHA256, 32) is None


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data + b"0", lambda _: b""])
def test_a_file_of_another_length_is_refused(photos: DecodedPhotos, change: Any) -> None:
    path = put(photos)
    path.write_bytes(change(path.read_bytes()))

    assert photos.take(SHA256, 64) is None


@pytest.mark.parametrize(("name", "value"), [("_boot", lambda: b"another machine"), ("VERSION", 0)])
def test_a_file_of_another_machine_or_version_is_refused(
    photos: DecodedPhotos, monkeypatch: pytest.MonkeyPatch, name: str, value: Any
) -> None:
    with monkeypatch.context() as before:
        before.setattr(decoded_photos, name, value)
        put(photos)

    assert photos.take(SHA256, 64) is None


def test_a_refused_request_leaves_nothing(photos: DecodedPhotos) -> None:
    photo = photos.stage(64)
    assert photo is not None
    photo.write(LAYOUT, memoryview(PIXELS))
    photo.close()
    photo.write(LAYOUT, memoryview(PIXELS))  # by a decoder that ends after the request

    assert list(photos._folder.iterdir()) == []


def test_a_layout_that_the_pixels_do_not_have_is_refused(photos: DecodedPhotos) -> None:
    photo = photos.stage(64)
    assert photo is not None
    photo.write(LAYOUT, memoryview(PIXELS[:-1]))
    photo.publish(SHA256)
    photo.close()

    assert photos.take(SHA256, 64) is None


def test_a_full_folder_takes_no_more_until_files_are_old(photos: DecodedPhotos) -> None:
    path = put(photos)
    os.truncate(path, 3 * MAX_PHOTO_BYTES)
    photos._looked_at = float("-inf")
    assert photos.stage(64) is None

    old = time.time() - MAX_AGE_SECONDS - 1
    os.utime(path, (old, old))
    photos._looked_at = float("-inf")
    assert photos.stage(64) is not None
    assert not path.exists()


def test_a_folder_that_can_not_be_used_is_left_alone_for_a_while(
    photos: DecodedPhotos, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(photos)
    path.unlink()
    path.parent.chmod(0o755)  # other users could read the photos

    put(photos)
    assert list(path.parent.iterdir()) == []
    assert photos.stage(64) is None

    path.parent.chmod(0o700)
    later = time.monotonic() + MAX_AGE_SECONDS + 1
    monkeypatch.setattr(decoded_photos.time, "monotonic", lambda: later)
    assert put(photos).exists()


def test_without_room_nothing_is_stored(tmp_path: Path) -> None:
    assert DecodedPhotos(tmp_path, 0).stage(64) is None


def test_bytes_of_a_task_reach_its_receiver() -> None:
    pool, received = DecoderPool(megabytes=600, processes=1), []

    for size in (5, 1_000_000, MAX_PHOTO_BYTES):  # the last ones do not fit
        future = pool.submit(
            WithBytes,
            "outcome",
            [b"a" * size, b"b" * size],
            seconds=60,
            receive=lambda *got: received.append((got[0], bytes(got[1]))),
        )
        assert future.result(120) == "outcome"

    assert received == [("outcome", b"a" * size + b"b" * size) for size in (5, 1_000_000)]
