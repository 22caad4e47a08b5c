"""Uploaded videos, checked at the door: that there is a moving picture, how large, and how long."""

from __future__ import annotations

import io
from typing import Any

from jobs.errors import JobsError, PictureTooLargeError, UnsupportedPictureError, UnusablePictureError
from jobs.pictures import PictureInfo

#: FFmpeg's names of containers → media type. The only ones that are ever opened.
CONTAINERS = {
    "mov,mp4,m4a,3gp,3g2,mj2": "video/mp4",
    "matroska,webm": "video/x-matroska",
    "avi": "video/x-msvideo",
    "mpegts": "video/mp2t",
    "gif": "image/gif",
}


def inspect_video(
    data: bytes, *, name: str, max_pixels: int, max_seconds: float, pointer: str | None = None
) -> PictureInfo:
    """Check that `data` is one video whose first frame can be decoded.

    Raises `UnsupportedPictureError`, `PictureTooLargeError` or `UnusablePictureError`.
    """
    try:
        import av
    except ImportError:
        raise UnsupportedPictureError("This server takes no videos.", pointer=pointer) from None
    try:
        # No protocol at all: a playlist must not read other files or the network.
        with av.open(io.BytesIO(data), options={"protocol_whitelist": "none"}) as container:
            return _inspect(container, name, max_pixels, max_seconds, pointer)
    except JobsError:
        raise
    except MemoryError:
        raise
    except Exception:  # FFmpeg's errors are many, and all mean the same here
        raise UnsupportedPictureError(
            f"{name} is not a video that can be read, or it is damaged.", pointer=pointer
        ) from None


def _inspect(
    container: Any, name: str, max_pixels: int, max_seconds: float, pointer: str | None
) -> PictureInfo:
    media_type = CONTAINERS.get(container.format.name)
    if media_type is None:
        raise UnsupportedPictureError(
            f"{name} is no MP4, MOV, MKV, WebM, AVI, TS or GIF video.", pointer=pointer
        )
    if not container.streams.video:
        raise UnsupportedPictureError(f"{name} has no moving picture.", pointer=pointer)
    stream = container.streams.video[0]
    if stream.codec_context.width * stream.codec_context.height > max_pixels:
        raise PictureTooLargeError(
            f"The frames of {name} are larger than {max_pixels // 1_000_000} megapixels.",
            pointer=pointer,
        )
    seconds = (container.duration or 0) / 1_000_000
    if seconds > max_seconds:
        raise PictureTooLargeError(
            f"{name} lasts {seconds:.0f} s by its header; {max_seconds:.0f} s are taken.",
            pointer=pointer,
        )
    frame = next(container.decode(stream), None)
    if frame is None:
        raise UnusablePictureError(f"{name} has no frame that can be decoded.", pointer=pointer)
    return PictureInfo(media_type=media_type, width=frame.width, height=frame.height)
