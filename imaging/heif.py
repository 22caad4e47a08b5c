"""HEIC and other HEIF pictures, decoded by libheif through pi-heif.

pi-heif is the build of pillow-heif without encoders. Pillow's registry of plugins is left alone.
"""

from __future__ import annotations

import io

from PIL import Image

from imaging.metadata import BrokenFileError

#: Major brands of HEIF files that libheif or libavif may read (ISO/IEC 23008-12, annex B).
_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")


def is_heif(start: bytes) -> bool:
    """Whether a file is HEIF by its first 12 bytes: a file type box with one of the brands."""
    return start[4:8] == b"ftyp" and start[8:12] in _BRANDS


def open_heif(data: bytes) -> Image.Image:
    """The primary picture of a HEIF file, not yet decoded, of 8 bits a channel.

    Rotation and mirroring of the file are applied when it is loaded. Raises `BrokenFileError` for a
    file that libheif can't read.
    """
    from pi_heif import HeifImageFile

    try:
        image: Image.Image = HeifImageFile(io.BytesIO(data))
    except SyntaxError:
        raise BrokenFileError("it holds no still picture that can be decoded") from None
    return image
