"""Hundreds of hostile files at the door: refused in words or taken rightly, and nothing left behind."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import func, select

from jobs.blobs.local import LocalStorage
from jobs.db.models.blobs import Blob, StoredUpload
from jobs.db.models.jobs import Base
from jobs.service import JobService

FORMATS = ("JPEG", "PNG", "WEBP")
#: Formats that are converted to PNG.
CONVERTED = ("HEIF", "AVIF", "TIFF", "GIF", "BMP", "JPEG2000", "PPM", "TGA")
pillow_heif.register_heif_opener()
TAKEN, REFUSED = {201}, {413, 415, 422}


def pixels(mode: str = "RGB", size: tuple[int, int] = (64, 48), seed: int = 0) -> Image.Image:
    random_ = np.random.default_rng(seed)
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    smooth = np.stack([x * 3, y * 4, x + y], axis=-1) % 200
    image = Image.fromarray((smooth + random_.integers(0, 40, smooth.shape)).astype(np.uint8))
    return image.convert(mode)


def encoded(format_: str, image: Image.Image | None = None, **options: Any) -> bytes:
    out = io.BytesIO()
    (image or pixels()).save(out, format_, **options)
    return out.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of(width: int, height: int, depth: int = 8, colour: int = 2, data: bytes = b"") -> bytes:
    """A PNG that says it is of this size, whatever its data are."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def truncated() -> Iterator[tuple[str, bytes, set[int]]]:
    for format_ in FORMATS:
        whole = encoded(format_)
        for share in range(0, 100, 2):
            cut = whole[: len(whole) * share // 100]
            # The last bytes of a JPEG may be missing without a pixel being lost.
            yield f"{format_} cut at {share} %", cut, REFUSED | (TAKEN if share >= 96 else set())
        for missing in (1, 2, 3):
            expected = REFUSED | (TAKEN if format_ == "JPEG" else set())
            yield f"{format_} without its last {missing} bytes", whole[:-missing], expected


def flipped() -> Iterator[tuple[str, bytes, set[int]]]:
    chance = random.Random(7)
    for format_ in FORMATS:
        whole = encoded(format_)
        for number in range(60):
            data = bytearray(whole)
            for _ in range(1 + number % 4):
                # Every other one in the headers, where a bit means most.
                data[chance.randrange(min(len(data), 64 if number % 2 else len(data)))] ^= (
                    1 << chance.randrange(8)
                )
            yield f"{format_} with flipped bits {number}", bytes(data), REFUSED | TAKEN


def converted() -> Iterator[tuple[str, bytes, set[int]]]:
    chance = random.Random(5)
    for format_ in CONVERTED:
        whole = encoded(format_)
        yield f"a {format_}", whole, TAKEN
        yield (
            f"a {format_} with a page behind it",
            whole + b"<script>alert(1)</script>",
            TAKEN | REFUSED,
        )
        for share in (5, 30, 60, 90):
            yield f"{format_} cut at {share} %", whole[: len(whole) * share // 100], REFUSED | TAKEN
        for number in range(16):
            data = bytearray(whole)
            for _ in range(1 + number % 4):
                end = min(len(data), 400 if number % 2 else len(data))
                data[chance.randrange(end)] ^= 1 << chance.randrange(8)
            yield f"{format_} with flipped bits {number}", bytes(data), REFUSED | TAKEN
    large = Image.new("RGB", (6_500, 6_500))
    for format_ in ("AVIF", "TIFF", "GIF"):
        options = {"compression": "tiff_deflate"} if format_ == "TIFF" else {}
        yield f"a {format_} of 42 megapixels", encoded(format_, large, **options), {413}


def noise() -> Iterator[tuple[str, bytes, set[int]]]:
    chance = random.Random(11)
    starts = {
        "nothing": b"",
        "JPEG": b"\xff\xd8\xff\xe0",
        "PNG": b"\x89PNG\r\n\x1a\n",
        "WEBP": b"RIFF\xff\x00\x00\x00WEBPVP8 ",
        "GIF": b"GIF89a",
        "TIFF": b"II*\x00",
    }
    for name, start in starts.items():
        for size in (1, 20, 500, 20_000):
            yield f"{size} random bytes after {name}", start + chance.randbytes(size), REFUSED
        yield f"{name} alone", start, REFUSED
        yield f"{name} and zeros", start + bytes(4096), REFUSED


def wrong_types() -> Iterator[tuple[str, bytes, set[int]]]:
    image = pixels()
    for format_ in ("ICO", "PCX", "SGI", "PDF", "EPS"):
        yield f"a {format_}", encoded(format_, image), {415}
    texts = {
        "an SVG": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        "an HTML page": b"<!doctype html><script>alert(1)</script>",
        "a PHP script": b"<?php system($_GET['c']); ?>",
        "a shell script": b"#!/bin/sh\nrm -rf /\n",
        "an ELF file": b"\x7fELF\x02\x01\x01" + bytes(100),
        "a Windows program": b"MZ" + bytes(100),
        "a ghostscript file": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage",
        "an MVG file": b"push graphic-context\nimage over 0,0 0,0 'https://example.org/x'\n",
        "a pickle": b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x07builtins",
        "a FLI header": struct.pack("<IHHHH", 128, 0xAF11, 1, 9, 9) + bytes(128),
        "a PSD header": b"8BPS\x00\x01" + bytes(200),
    }
    for name, data in texts.items():
        yield name, data, {415}
    for brand in (b"avif", b"heic", b"mif1"):
        header = b"\x00\x00\x00\x20ftyp" + brand + bytes(200)
        yield f"a header of the brand {brand.decode()}", header, {415, 422}


def archive(entries: int, size: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for number in range(entries):
            file.writestr(f"../../{number}.png", bytes(size))
    return out.getvalue()


def in_scans(count: int) -> bytes:
    """A JPEG of 36 megapixels that goes over all of them so many times."""
    whole = encoded("JPEG", Image.new("L", (6_000, 6_000)), progressive=True, quality=1)
    last = whole[whole.rindex(b"\xff\xda") : -2]
    return whole[:-2] + last * (count - whole.count(b"\xff\xda")) + b"\xff\xd9"


def bombs() -> Iterator[tuple[str, bytes, set[int]]]:
    yield "a PNG of 60 megapixels in few bytes", encoded("PNG", Image.new("1", (10_000, 6_000))), {413}
    yield "a JPEG of 49 megapixels", encoded("JPEG", Image.new("L", (7_000, 7_000))), {413}
    yield "a WebP of 49 megapixels", encoded("WEBP", Image.new("RGB", (7_000, 7_000)), quality=1), {413}
    for side in (2**16, 2**24, 2**31 - 1, 2**32 - 1):
        yield f"a PNG that says {side} × {side}", png_of(side, side), {413, 415, 422}
        yield f"a PNG that says {side} × 1", png_of(side, 1), {413, 415, 422}
    yield "a PNG of no width", png_of(0, 10), REFUSED
    yield "a PNG whose data swell", png_of(8, 8, data=bytes(50_000_000)), REFUSED | TAKEN
    yield "a PNG whose data are short", png_of(800, 800, data=bytes(10)), REFUSED
    text = b"Comment\x00\x00" + zlib.compress(bytes(60_000_000), 9)
    whole = encoded("PNG")
    yield "a PNG with a text that swells", whole[:33] + chunk(b"zTXt", text) + whole[33:], TAKEN
    profile = b"p\x00\x00" + zlib.compress(bytes(60_000_000), 9)
    yield (
        "a PNG with a profile that swells",
        whole[:33] + chunk(b"iCCP", profile) + whole[33:],
        REFUSED | TAKEN,
    )
    many = b"".join(chunk(b"tEXt", b"k\x00v") for _ in range(50_000))
    yield "a PNG with 50,000 texts", whole[:33] + many + whole[33:], TAKEN
    jpeg = encoded("JPEG")
    comments = b"".join(b"\xff\xfe\xff\xff" + bytes(65_533) for _ in range(100))
    yield "a JPEG with 6 MB of comments", jpeg[:2] + comments + jpeg[2:], TAKEN
    exif = b"\xff\xe1\xff\xffExif\x00\x00MM\x00*\x00\x00\x00\x08\xff\xff" + b"\x01" * 65_517
    yield "a JPEG with a broken Exif as long as can be", jpeg[:2] + exif + jpeg[2:], TAKEN
    scans = jpeg[: jpeg.rindex(b"\xff\xda")] + jpeg[jpeg.rindex(b"\xff\xda") : -2] * 300 + b"\xff\xd9"
    yield "a JPEG with 300 scans", scans, {422}
    yield "a JPEG of 36 megapixels in 5,000 scans", in_scans(5_000), {422}
    yield "a JPEG of 36 megapixels in 90 scans", in_scans(90), {422}
    yield "a JPEG of 36 megapixels in 20 scans", in_scans(20), TAKEN
    yield "a zip of zeros", archive(3, 5_000_000), {415}
    yield "a zip with paths that climb", archive(50, 10), {415}


def polyglots() -> Iterator[tuple[str, bytes, set[int]]]:
    tails = {
        "a zip": archive(1, 100),
        "a page": b"<script>alert(document.domain)</script>",
        "another picture": encoded("JPEG"),
        "a PDF": b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF",
    }
    for format_ in FORMATS:
        for name, tail in tails.items():
            yield f"{format_} with {name} behind it", encoded(format_) + tail, TAKEN
            yield f"{name} before {format_}", tail + encoded(format_), {415, 201, 422}
    whole = encoded("PNG")
    yield (
        "a PNG with a page in its text",
        (whole[:33] + chunk(b"tEXt", b"Comment\x00<script>alert(1)</script>") + whole[33:]),
        TAKEN,
    )
    jpeg = encoded("JPEG")
    comment = b"<?php system('id'); ?>"
    yield (
        "a JPEG with a script in its comment",
        (jpeg[:2] + b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment + jpeg[2:]),
        TAKEN,
    )


def unusual() -> Iterator[tuple[str, bytes, set[int]]]:
    for mode in ("L", "RGB", "CMYK"):
        for progressive in (False, True):
            name = f"a {mode} JPEG, progressive: {progressive}"
            yield name, encoded("JPEG", pixels(mode), progressive=progressive), TAKEN
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
        yield f"a {mode} PNG", encoded("PNG", pixels(mode)), TAKEN
    for mode in ("RGB", "RGBA"):
        yield f"a {mode} WebP", encoded("WEBP", pixels(mode)), TAKEN
        yield f"a lossless {mode} WebP", encoded("WEBP", pixels(mode), lossless=True), TAKEN
    sixteen = np.linspace(0, 65_535, 64 * 48).reshape(48, 64).astype(np.uint16)
    yield "a PNG of 16 bits", encoded("PNG", Image.fromarray(sixteen)), TAKEN
    yield "a picture of one pixel", encoded("PNG", Image.new("RGB", (1, 1))), TAKEN
    yield "a very flat picture", encoded("PNG", Image.new("RGB", (20_000, 1))), TAKEN
    frames = [Image.new("RGB", (9, 9), colour) for colour in ("red", "green", "blue")]
    for format_ in ("PNG", "WEBP", "GIF"):
        moving = encoded(format_, frames[0], save_all=True, append_images=frames[1:])
        yield f"a moving {format_}", moving, {415}
    yield "an MPO, as phones write it", encoded("MPO", save_all=True, append_images=[pixels()]), TAKEN
    yield "a file of nothing", b"", {422}


@cache
def cases() -> list[tuple[str, bytes, set[int]]]:
    """Every file: its name, its bytes, and the statuses that may answer it."""
    makers = (truncated, flipped, converted, noise, wrong_types, bombs, polyglots, unusual)
    return [case for make in makers for case in make()]


def send(client: FlaskClient, data: bytes, name: str = "picture.jpg") -> Any:
    # Put together by hand: the test client's own builder leaves its temporary files open.
    head = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    body = head.encode() + data + b"\r\n--b--\r\n"
    return client.post("/v1/uploads", data=body, content_type="multipart/form-data; boundary=b")


def counts(service: JobService) -> dict[str, int]:
    with service.sessions() as session:
        return {
            name: session.scalar(select(func.count()).select_from(table)) or 0
            for name, table in Base.metadata.tables.items()
            if name != "owners"
        }


def files(storage: LocalStorage) -> set[Path]:
    return {path for path in storage.folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("part", range(8))
def test_every_file_is_refused_in_words_or_taken_rightly(
    client: FlaskClient, service: JobService, local_storage: LocalStorage, part: int
) -> None:
    wrong = []
    for name, data, expected in cases()[part::8]:
        rows, stored = counts(service), files(local_storage)
        suffix = random.Random(name).choice(("jpg", "png", "webp", "exe", "php", "jpg/../../x"))
        response = send(client, data, f"picture.{suffix}")
        status, body = response.status_code, response.json
        if status not in expected:
            wrong.append((name, status, body))
        elif status == 201:
            _is_whole(client, body)
        else:
            assert response.mimetype == "application/problem+json", name
            assert body["errors"][0]["pointer"] == "file", name
            assert "\n" not in body["detail"], name
            assert (counts(service), files(local_storage)) == (rows, stored), name
    assert wrong == []


def test_there_are_several_hundred() -> None:
    assert len(cases()) >= 400
    assert len({name for name, _, _ in cases()}) == len(cases())


def _is_whole(client: FlaskClient, body: dict[str, Any]) -> None:
    """What was taken decodes, is of the size that was said, and ends where it ends."""
    data = client.get(body["urls"]["image"]).data
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        image.load()
        assert image.size == (body["width"], body["height"])
    for stranger in (b"<script", b"<?php", b"PK\x03\x04", b"%PDF"):
        assert stranger not in data


def test_a_hostile_file_in_a_job_leaves_nothing_either(
    client: FlaskClient, service: JobService, local_storage: LocalStorage
) -> None:
    rows, stored = counts(service), files(local_storage)
    for name, data, expected in cases()[::9]:
        if expected & TAKEN:
            continue
        good = (io.BytesIO(encoded("PNG", pixels(seed=5))), "good.png")
        form = {"content": good, "style": (io.BytesIO(data), "bad.png")}
        response = client.post("/v1/jobs", data=form)
        assert response.status_code in REFUSED, name
        assert response.json["errors"][0]["pointer"] == "style"
    assert (counts(service), files(local_storage)) == (rows, stored)


def test_one_blob_for_the_same_pixels_with_other_metadata(
    client: FlaskClient, service: JobService
) -> None:
    image = pixels()
    for who in ("Ada", "Eve"):
        exif = Image.Exif()
        exif[0x013B] = who
        assert send(client, encoded("JPEG", image, exif=exif)).status_code == 201

    with service.sessions() as session:
        assert session.scalar(select(func.count()).select_from(StoredUpload)) == 2
        kept = session.scalars(select(StoredUpload.sha256)).all()
        assert len(set(kept)) == 1
        assert session.get(Blob, kept[0]) is not None


@pytest.fixture
def small_limits(service: JobService) -> Callable[..., None]:
    def set_(**changes: Any) -> None:
        service.settings = service.settings.model_copy(update=changes)

    return set_


def test_what_needs_more_memory_than_allowed(
    client: FlaskClient, small_limits: Callable[..., None]
) -> None:
    small_limits(decode_mb=150, decode_processes=1)
    big = encoded("PNG", Image.new("RGB", (6_200, 6_200)))

    refused = send(client, big)
    taken = send(client, encoded("PNG"))

    assert (refused.status_code, refused.json["code"]) == (422, "unusable_picture")
    assert "150 MB" in refused.json["detail"]
    assert taken.status_code == 201


def test_what_takes_longer_than_allowed(
    client: FlaskClient, small_limits: Callable[..., None], service: JobService
) -> None:
    small_limits(decode_mb=900, decode_seconds=0.05, decode_processes=1)
    slow = in_scans(25)

    refused = send(client, slow)
    small_limits(decode_mb=900, decode_seconds=20, decode_processes=1)
    taken = send(client, encoded("PNG"))

    assert (refused.status_code, refused.json["code"]) == (422, "unusable_picture")
    assert "0.05 s" in refused.json["detail"]
    assert taken.status_code == 201
