"""Metadata of written pictures: the sRGB profile and, on request, the settings of the rendering."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from typing import Any

from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

_SOFTWARE = 0x0131
_EXIF = 0x8769
_USER_COMMENT = 0x9286


@cache
def srgb_profile() -> bytes:
    """ICC profile of sRGB, byte for byte the same at every call."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    # The header holds a creation time. A fixed one, so that the same job gives the same bytes.
    profile[24:36] = b"".join(part.to_bytes(2) for part in (2026, 1, 1, 0, 0, 0))
    return bytes(profile)


def save_options(format: str, settings: Mapping[str, Any] | None) -> dict[str, Any]:
    """Keyword arguments of Pillow's `save` that embed the sRGB profile and, if given, `settings`.

    Settings are JSON: in PNG as the text `Comment`, in JPEG and WebP as EXIF's UserComment.
    """
    options: dict[str, Any] = {"icc_profile": srgb_profile()}
    if settings is None:
        return options
    software = f"Atelier {version('atelier')}"
    comment = json.dumps(dict(settings), sort_keys=True)
    if format == "png":
        info = PngInfo()
        info.add_text("Software", software)
        info.add_text("Comment", comment)
        return options | {"pnginfo": info}
    exif = Image.Exif()
    exif[_SOFTWARE] = software
    exif.get_ifd(_EXIF)[_USER_COMMENT] = b"ASCII\0\0\0" + comment.encode("ascii")
    return options | {"exif": exif}
