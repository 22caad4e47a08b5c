"""The colour space of a picture file, as an ICC profile: embedded, or built from numbers in the file.

Precedence is that of PNG (third edition, section 4.3) and of browsers: cICP, iCCP, sRGB, then gAMA with
cHRM; in AVIF and HEIF an ICC profile, then the code points of the nclx box.
"""

from __future__ import annotations

import struct

from PIL import Image

from imaging.icc_profile import SRGB_PRIMARIES, Primaries, cicp_profile, gamma_profile
from imaging.metadata import BrokenFileError, inflated_profile, png_chunks

#: gAMA within 10 % of 1/2.2 and sRGB's primaries is sRGB: most programs write it beside sRGB pixels.
_SRGB_GAMMA = 45_455
#: Transfer functions of BT.709, BT.601 and BT.2020: browsers show stills of them as sRGB, but not PNGs.
_VIDEO_TRANSFERS = (1, 6, 14, 15)
_GRAY_MODES = ("1", "L", "LA", "La", "I;16", "I;16B", "I;16L", "I;16N", "I", "F")


def color_profile(image: Image.Image, data: bytes) -> bytes | None:
    """The ICC profile of `image`, opened from the file `data`.

    None for sRGB and for unspecified colours.
    """
    gray = image.mode in _GRAY_MODES
    if image.format == "PNG":
        return _png_profile(data, gray=gray)
    profile = image.info.get("icc_profile")
    if profile:
        return bytes(profile)
    if image.format in ("AVIF", "HEIF"):
        # libheif names the nclx box of the primary picture; a file may have more of them.
        nclx = image.info.get("nclx_profile")
        codes = (
            (nclx["color_primaries"], nclx["transfer_characteristics"]) if nclx else nclx_codes(data)
        )
        if codes is None or 2 in codes:
            return None
        primaries, transfer = codes
        return cicp_profile(primaries, 13 if transfer in _VIDEO_TRANSFERS else transfer, gray=gray)
    return None


def _png_profile(data: bytes, *, gray: bool) -> bytes | None:
    found: dict[bytes, bytes] = {}
    try:
        for kind, body, _ in png_chunks(data):
            if kind == b"IDAT":
                break
            found.setdefault(kind, body)
    except BrokenFileError:
        pass  # the decoder reports a broken file
    # cICP of RGB in full range; anything else in it is invalid and ignored.
    if len(found.get(b"cICP", b"")) == 4 and found[b"cICP"][2:] == b"\0\1":
        primaries, transfer = found[b"cICP"][:2]
        if 2 not in (primaries, transfer):
            return cicp_profile(primaries, transfer, gray=gray)
    if b"iCCP" in found:
        return inflated_profile(found[b"iCCP"])
    if b"sRGB" in found or len(found.get(b"gAMA", b"")) != 4:
        return None
    return _gamma(struct.unpack(">I", found[b"gAMA"])[0], found.get(b"cHRM"), gray=gray)


def _gamma(value: int, chrm: bytes | None, *, gray: bool) -> bytes | None:
    if not value:
        return None
    primaries: Primaries = SRGB_PRIMARIES
    if chrm is not None and len(chrm) == 32:
        primaries = tuple(number / 100_000 for number in struct.unpack(">8I", chrm))
    close = all(abs(a - b) < 0.001 for a, b in zip(primaries, SRGB_PRIMARIES, strict=True))
    if abs(value - _SRGB_GAMMA) < 100 and close:
        return None
    try:
        return gamma_profile(100_000 / value, primaries, gray=gray)
    except (ValueError, ZeroDivisionError, OverflowError, struct.error):
        return None  # chromaticities that are no colour space


def nclx_codes(data: bytes) -> tuple[int, int] | None:
    """Primaries and transfer of the first nclx box of an AVIF or HEIF file, in its `meta` box."""
    for kind, start, end in _boxes(data, 0, len(data)):
        if kind == b"meta":
            return _nclx(data, start + 4, end)
    return None


def _nclx(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    for kind, first, last in _boxes(data, start, end):
        if kind in (b"iprp", b"ipco"):
            found = _nclx(data, first, last)
            if found is not None:
                return found
        elif kind == b"colr" and data[first : first + 4] == b"nclx" and last - first >= 10:
            primaries, transfer = struct.unpack_from(">HH", data, first + 4)
            return primaries, transfer
    return None


def _boxes(data: bytes, start: int, end: int) -> list[tuple[bytes, int, int]]:
    """ISO base media file boxes between two offsets: (kind, start and end of the content)."""
    found = []
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, start)
        header = 8
        if size == 1 and start + 16 <= end:
            size, header = struct.unpack_from(">Q", data, start + 8)[0], 16
        stop = end if size == 0 else start + size
        if stop > end or stop < start + header:
            break
        found.append((kind, start + header, stop))
        start = stop
    return found
