"""Formats of still pictures that are read: one list for every reader, command, page and document."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StillFormat:
    """`name` is the one for people; `decoders` are Pillow's names, or HEIF; suffixes have their dot."""

    name: str
    decoders: tuple[str, ...]
    media_types: tuple[str, ...]
    suffixes: tuple[str, ...]


STILL_FORMATS = (
    StillFormat("JPEG", ("JPEG",), ("image/jpeg",), (".jpg", ".jpeg", ".jpe", ".jfif")),
    StillFormat("PNG", ("PNG",), ("image/png",), (".png",)),
    StillFormat("WebP", ("WEBP",), ("image/webp",), (".webp",)),
    StillFormat("HEIC", ("HEIF",), ("image/heic", "image/heif"), (".heic", ".heif", ".hif")),
    StillFormat("AVIF", ("AVIF",), ("image/avif",), (".avif",)),
    StillFormat("TIFF", ("TIFF",), ("image/tiff",), (".tif", ".tiff")),
    StillFormat("GIF", ("GIF",), ("image/gif",), (".gif",)),
    StillFormat("BMP", ("BMP", "DIB"), ("image/bmp",), (".bmp", ".dib")),
    StillFormat("JPEG 2000", ("JPEG2000",), ("image/jp2",), (".jp2", ".j2k")),
    StillFormat("PPM", ("PPM",), ("image/x-portable-pixmap",), (".ppm", ".pgm", ".pbm", ".pnm")),
    StillFormat("TGA", ("TGA",), ("image/x-tga",), (".tga",)),
)

#: Names of all decoders that may run. Others start programs (EPS) or are no single picture.
DECODERS = tuple(name for each in STILL_FORMATS for name in each.decoders)
#: Suffixes of pictures in folders and archives, lower case.
SUFFIXES = frozenset(suffix for each in STILL_FORMATS for suffix in each.suffixes)
#: Media types and suffixes, for the file pickers of pages.
FILE_PICKER = tuple(entry for each in STILL_FORMATS for entry in (*each.media_types, *each.suffixes))
#: Formats that are stored and served as they are, without their metadata; others are stored as PNG.
STORED_MEDIA_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}

*_FIRST, _LAST = (each.name for each in STILL_FORMATS)
#: The list in words, for messages and documents.
FORMAT_NAMES = f"{', '.join(_FIRST)} or {_LAST}"
