"""Small pictures of what jobs made, for lists of them."""

from __future__ import annotations

import io
import sys
from typing import Any

from PIL import Image, ImageOps

from jobs.media.pictures import FORMATS

#: Long side in pixels, and the most bytes that one of it may have.
SIDE = 256
MOST_BYTES = 20_000
#: Our videos have their index first. A frame of the largest takes a tenth of this.
_VIDEO_BYTES = 32_000_000
_QUALITIES = (80, 60, 40, 20, 5)
_MOVING = frozenset({"image/gif"})


def has_thumbnail(media_type: str) -> bool:
    """Whether a small picture can be made of files of this type."""
    return media_type in FORMATS.values() or media_type in _MOVING or media_type.startswith("video/")


def first_bytes(media_type: str) -> int:
    """How much of a file its thumbnail is made of: a picture is read whole, a video may be long."""
    return sys.maxsize if media_type in FORMATS.values() else _VIDEO_BYTES


def make_thumbnail(data: bytes, media_type: str, side: int = SIDE) -> bytes:
    """A WebP of at most `side` pixels, upright; of a video, its first frame.

    One of `SIDE` has at most `MOST_BYTES` bytes, larger ones more by as much as they are larger.
    Raises whatever its decoder raises.
    """
    still = media_type in FORMATS.values()
    small = _still(data, side) if still else _first_frame(data)
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return _encoded(small, MOST_BYTES * max(1, side * side // SIDE**2))


def _encoded(picture: Image.Image, most_bytes: int) -> bytes:
    # Few pictures need a second try: noise does.
    for quality in _QUALITIES:
        out = io.BytesIO()
        picture.save(out, "WEBP", quality=quality)
        if out.tell() <= most_bytes:
            break
    return out.getvalue()


def _still(data: bytes, side: int) -> Image.Image:
    with Image.open(io.BytesIO(data), formats=tuple(FORMATS)) as picture:
        picture.draft("RGB", (2 * side, 2 * side))
        return ImageOps.exif_transpose(picture).convert("RGB")


def _first_frame(data: bytes) -> Image.Image:
    import av

    opened: Any = av.open(io.BytesIO(data), options={"protocol_whitelist": "none"})
    with opened as container:
        picture: Image.Image = next(container.decode(video=0)).to_image()
        return picture
