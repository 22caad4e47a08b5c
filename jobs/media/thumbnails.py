"""Thumbnails of job outputs: WebP files of pictures and videos."""

from __future__ import annotations

import io
import sys
from typing import Any

from PIL import Image

from imaging.formats import STORED_MEDIA_TYPES
from imaging.still import open_still, upright_image

#: Longer side of a thumbnail in pixels, and its largest file size in bytes.
SIDE = 256
MAX_BYTES = 20_000
#: Bytes of a video that are read. Our videos have their index first; the largest frame takes a tenth of
#: this.
_VIDEO_BYTES = 32_000_000
_QUALITIES = (80, 60, 40, 20, 5)
_ANIMATED = frozenset({"image/gif", "image/apng"})


def has_thumbnail(media_type: str) -> bool:
    """Whether files of this media type can have a thumbnail."""
    return (
        media_type in STORED_MEDIA_TYPES.values()
        or media_type in _ANIMATED
        or media_type.startswith("video/")
    )


def thumbnail_input_bytes(media_type: str) -> int:
    """Number of leading bytes that a thumbnail needs: all of a picture, a part of a video."""
    return sys.maxsize if media_type in STORED_MEDIA_TYPES.values() else _VIDEO_BYTES


def make_thumbnail(data: bytes, media_type: str, side: int = SIDE) -> bytes:
    """WebP of at most `side` pixels, upright; of a video, its first frame.

    A thumbnail of `SIDE` pixels has at most `MAX_BYTES` bytes, larger ones in proportion to their area.
    Raises any error of the decoder.
    """
    still = media_type in STORED_MEDIA_TYPES.values()
    small = _still(data, side) if still else _first_frame(data)
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return _encoded(small, MAX_BYTES * max(1, side * side // SIDE**2))


def _encoded(picture: Image.Image, max_bytes: int) -> bytes:
    # Few pictures need a lower quality; noise does.
    for quality in _QUALITIES:
        out = io.BytesIO()
        picture.save(out, "WEBP", quality=quality)
        if out.tell() <= max_bytes:
            break
    return out.getvalue()


def _still(data: bytes, side: int) -> Image.Image:
    with open_still(data, tuple(STORED_MEDIA_TYPES)) as still:
        still.image.draft("RGB", (2 * side, 2 * side))
        still.load()
        picture, alpha = still.srgb()
        if alpha is not None:
            picture.putalpha(alpha)
        return upright_image(picture, still.upright())


def _first_frame(data: bytes) -> Image.Image:
    import av

    opened: Any = av.open(io.BytesIO(data), options={"protocol_whitelist": "none"})
    with opened as container:
        picture: Image.Image = next(container.decode(video=0)).to_image()
        return picture
