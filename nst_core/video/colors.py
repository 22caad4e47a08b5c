"""Conversion of decoded video frames to RGB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nst_core.images.picture import Pixels
from nst_core.video.config import VideoError
from nst_core.video.container import video_library

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

#: Height from which an unspecified matrix is assumed to be BT.709 instead of BT.601, as in players.
_HD = 720


def to_rgb(frame: VideoFrame, width: int, height: int) -> Pixels:
    """The frame at this size, (height, width, 3). Raises `VideoError` for colours of unknown kinds."""
    space = int(frame.colorspace)
    if space in (0, 2):  # RGB or unspecified
        space = 1 if frame.height >= _HD else 5
    try:
        pixels: Pixels = frame.reformat(  # type: ignore[assignment]
            width=width,
            height=height,
            format="rgb24",
            src_colorspace=space,
            interpolation="AREA" if width < frame.width else "BICUBIC",
        ).to_ndarray()
    except video_library().FFmpegError as error:
        raise VideoError(
            f"The video's colours ({frame.format.name}, matrix {space}) can't be converted here; "
            "convert it to BT.709 first."
        ) from error
    return pixels
