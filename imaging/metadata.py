"""Lossless removal of metadata from JPEG, PNG and WebP files.

Cameras record place, time and owner, and data may be hidden behind the end of a picture. Only what
decides the appearance stays: orientation, colour space, resolution, transparency.
"""

from __future__ import annotations

import io
import re
import struct
import warnings
import zlib
from collections.abc import Iterator

from PIL import Image

#: Magic bytes of each accepted format → Pillow's name of the format.
_SIGNATURES = {b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG"}

ORIENTATION = 0x0112
#: Chunks that hold pixels; those of animations stay so that an animation is recognised, and refused.
_PNG_PIXELS = frozenset(b"IHDR PLTE IDAT IEND tRNS acTL fcTL fdAT".split())
#: Chunks that decide the colours; `imaging.color_space` reads them.
PNG_COLORS = frozenset(b"cICP iCCP sRGB gAMA cHRM".split())
_PNG_KEPT = _PNG_PIXELS | PNG_COLORS | {b"sBIT"}
#: Largest profile of a PNG once decompressed. Profiles of printers take up to some MB.
_MAX_PROFILE_BYTES = 4_000_000
#: Chunks that may hold an orientation: Exif, and XMP or Exif as text under these keywords.
_PNG_TEXTS = (b"XML:com.adobe.xmp\0", b"Raw profile type exif\0", b"Raw profile type APP1\0")
#: A longer text is no orientation, and Pillow refuses a file for a text of more than 1 MB.
_PNG_TEXT_BYTES = 500_000
_WEBP_KEPT = frozenset((b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ICCP", b"ANIM", b"ANMF"))
_WEBP_EXIF, _WEBP_XMP = 0x08, 0x04
#: Next marker in entropy-coded JPEG data, which skips stuffed bytes, restart markers and fill bytes.
#: The pattern starts with a literal byte so that `re` searches with memchr: 0.4 ms a megabyte instead
#: of 11.
_NEXT_MARKER = re.compile(rb"\xff\xff*[^\x00\xd0-\xd7\xff]")


#: Most scans of a progressive JPEG. Encoders write up to about twenty; each costs a pass over all
#: pixels, for a few bytes of file.
MAX_SCANS = 100
#: Most scans of a JPEG of any size, and most pixels in all scans of one with more.
_MANY_SCANS, _MAX_SCANNED_PIXELS = 20, 1_000_000_000
#: Markers of a frame header: SOF0 to SOF15 without DHT, JPG and DAC.
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


class BrokenFileError(ValueError):
    """The structure of a picture file is invalid."""


class UnknownSamplesError(ValueError):
    """The samples of a picture file are of a kind that has no reader."""


def picture_format(data: bytes) -> str | None:
    """Format by magic bytes: `JPEG`, `PNG`, `WEBP` or None."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    return next((name for start, name in _SIGNATURES.items() if data.startswith(start)), None)


def strip_metadata(data: bytes, format_: str, orientation: int = 1) -> bytes:
    """Copy a picture file without metadata; the coded pixels stay the same bytes.

    `orientation` (Exif, 1 to 8) is written back unless it is 1. Damaged metadata is dropped like any
    other. Raises `BrokenFileError` if the structure of the pixels is broken.
    """
    exif = _orientation_exif(orientation)
    if format_ == "JPEG":
        return b"".join(_jpeg_parts(data, exif))
    if format_ == "PNG":
        return b"".join(_png_parts(data, exif))
    return _webp(data, exif)


def read_orientation(data: bytes, format_: str) -> int:
    """Exif orientation of a JPEG, PNG or WebP, 1 to 8, from Exif or XMP; 1 if none is usable.

    Only the chunks that may hold an orientation are given to Pillow: others may be damaged.
    """
    try:
        if format_ == "JPEG":
            source = b"".join(_jpeg_parts(data, b"", exif_only=True))
        elif format_ == "PNG":
            source = _png_orientation_source(data)
        else:
            source = _webp(data, b"", keep_exif=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(source), formats=[format_]) as image:
                value = image.getexif().get(ORIENTATION, 1)
    except Exception:  # damaged metadata does not make the picture unusable
        return 1
    return value if value in range(1, 9) else 1


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Chunks of a PNG as (kind, body, whole chunk), without damaged or repeated ancillary ones.

    As in browsers, a chunk that is not needed for the pixels is ignored if its checksum is wrong.
    Raises `BrokenFileError` if the chunks do not end with IEND.
    """
    at, seen = 8, set()
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            raise BrokenFileError("a chunk is longer than the file")
        body = data[at + 8 : end - 4]
        ancillary = kind[0] & 0x20 and kind not in _PNG_PIXELS
        sound = not ancillary or struct.unpack_from(">I", data, end - 4)[0] == zlib.crc32(kind + body)
        if sound and not (kind in PNG_COLORS and kind in seen):
            yield kind, body, data[at:end]
        seen.add(kind)
        if kind == b"IEND":
            return
        at = end
    raise BrokenFileError("it has no end")


def _orientation_exif(orientation: int) -> bytes:
    if orientation not in range(2, 9):
        return b""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif.tobytes().removeprefix(b"Exif\x00\x00")


def _jpeg_parts(data: bytes, exif: bytes, *, exif_only: bool = False) -> Iterator[bytes]:
    """Parts of a JPEG without metadata but `exif`; with `exif_only`, its header and its own Exif."""
    yield b"\xff\xd8"
    at, scans, pixels = 2, 0, 0
    wrote_exif = not exif
    while True:
        marker, at = _jpeg_marker(data, at)
        if marker != 0xE0 and not wrote_exif:  # behind the JFIF segment, where readers expect Exif
            body = b"Exif\x00\x00" + exif
            yield b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
            wrote_exif = True
        if marker == 0xD9:  # end of image; everything behind it is dropped
            yield b"\xff\xd9"
            return
        if marker == 0x01 or 0xD0 <= marker <= 0xD7:
            yield bytes((0xFF, marker))
            continue
        if at + 2 > len(data):
            raise BrokenFileError("it ends within a segment")
        length = struct.unpack_from(">H", data, at)[0]
        if length < 2 or at + length > len(data):
            raise BrokenFileError("a segment is longer than the file")
        body = data[at + 2 : at + length]
        if _jpeg_keeps(marker, body) or (exif_only and marker == 0xE1):
            yield bytes((0xFF, marker)) + data[at : at + length]
        at += length
        if marker in _FRAME_HEADERS and len(body) >= 5:
            height, width = struct.unpack_from(">HH", body, 1)
            pixels = max(pixels, height * width)
        if marker == 0xDA:
            if exif_only:  # readers look for Exif no further
                return
            scans += 1
            if scans > _MANY_SCANS and scans * pixels > _MAX_SCANNED_PIXELS:
                raise BrokenFileError(f"it has more than {scans - 1} scans of {pixels:,} pixels")
            if scans > MAX_SCANS:
                raise BrokenFileError(f"it has more than {MAX_SCANS} scans")
            found = _NEXT_MARKER.search(data, at)
            end = found.start() if found else len(data)
            yield data[at:end]
            at = end
            if (
                found is None
            ):  # some writers omit the end-of-image marker; `imaging.still` checks the rest
                yield b"\xff\xd9"
                return


def _jpeg_marker(data: bytes, at: int) -> tuple[int, int]:
    """Next marker at or after `at`, and the offset behind it."""
    start = data.find(b"\xff", at)
    while start >= 0 and start + 1 < len(data) and data[start + 1] in (0x00, 0xFF):
        start = data.find(b"\xff", start + 1)
    if start < 0 or start + 1 >= len(data):
        raise BrokenFileError("it has no end")
    return data[start + 1], start + 2


def _jpeg_keeps(marker: int, body: bytes) -> bool:
    if marker == 0xE0:
        return body.startswith(b"JFIF\x00")
    if marker == 0xE2:
        return body.startswith(b"ICC_PROFILE\x00")
    if marker == 0xEE:
        return body.startswith(b"Adobe")
    return not (0xE0 <= marker <= 0xEF or marker == 0xFE)


def _png_parts(data: bytes, exif: bytes) -> Iterator[bytes]:
    yield data[:8]
    before_pixels = True
    for kind, body, chunk in png_chunks(data):
        if kind == b"IDAT" and before_pixels:
            before_pixels = False
            if exif:
                yield _png_chunk(b"eXIf", exif)
        # Colours behind the pixels are ignored, as in browsers, and so is a profile that can't be read.
        if kind in PNG_COLORS and not before_pixels:
            continue
        if kind in _PNG_KEPT and (kind != b"iCCP" or inflated_profile(body)):
            yield chunk


def inflated_profile(body: bytes) -> bytes | None:
    """The ICC profile of an iCCP chunk (name, zero, method, zlib data); None if broken or too long."""
    name, _, rest = body.partition(b"\0")
    try:
        engine = zlib.decompressobj()
        profile = engine.decompress(rest[1:], _MAX_PROFILE_BYTES)
    except zlib.error:
        return None
    return profile if name and engine.eof else None


def _png_orientation_source(data: bytes) -> bytes:
    """A PNG of one pixel with the chunks of `data` that may hold an orientation."""
    chunks = (
        chunk
        for kind, body, chunk in png_chunks(data)
        if kind == b"eXIf"
        or (
            kind in (b"tEXt", b"zTXt", b"iTXt")
            and body.startswith(_PNG_TEXTS)
            and len(body) < _PNG_TEXT_BYTES
        )
    )
    header = _png_chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    pixels = _png_chunk(b"IDAT", zlib.compress(b"\0\0"))
    return data[:8] + header + b"".join(chunks) + pixels + _png_chunk(b"IEND", b"")


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _webp(data: bytes, exif: bytes, *, keep_exif: bool = False) -> bytes:
    size = struct.unpack_from("<I", data, 4)[0]
    if size + 8 > len(data):
        raise BrokenFileError("it is shorter than it says")
    kept = []
    at = 12
    while at + 8 <= size + 8:
        kind, length = struct.unpack_from("<4sI", data, at)
        end = at + 8 + length
        if end > size + 8:
            raise BrokenFileError("a chunk is longer than the file")
        body = data[at + 8 : end]
        if kind == b"VP8X":
            if length < 10:
                raise BrokenFileError("its header is too short")
            flags = body[0] & ~(_WEBP_XMP | _WEBP_EXIF) | (_WEBP_EXIF if exif else 0)
            body = body if keep_exif else bytes((flags,)) + body[1:]
        if kind in _WEBP_KEPT or (keep_exif and kind in (b"EXIF", b"XMP ")):
            kept.append(_riff_chunk(kind, body))
        at = end + length % 2
    # Without the extended header (VP8X) there was no Exif, so there is no orientation to write back.
    if exif and any(chunk.startswith(b"VP8X") for chunk in kept):
        kept.append(_riff_chunk(b"EXIF", exif))
    inner = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(inner)) + inner


def _riff_chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\x00" * (len(body) % 2)
