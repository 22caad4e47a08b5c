"""Conversion of decoded video frames to RGB and RGBA."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nst_core.images.picture import Pixels
from nst_core.video.config import VideoError
from nst_core.video.container import video_library

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

#: Height from which an unspecified matrix is assumed to be BT.709 instead of BT.601, as in players.
_HD = 720


def has_alpha(frame: VideoFrame) -> bool:
    """Whether the pixel format of a frame has an alpha channel."""
    return frame.format.name == "pal8" or any(part.is_alpha for part in frame.format.components)


def to_rgb(frame: VideoFrame, width: int, height: int) -> Pixels:
    """RGB (height, width, 3) of a frame, resized. Raises `VideoError` for an unknown matrix."""
    return _converted(frame, width, height, "rgb24")


def to_rgba(frame: VideoFrame, width: int, height: int) -> Pixels:
    """RGBA (height, width, 4) of a frame, resized; alpha is 255 if the frame has none.

    Raises `VideoError` for an unknown matrix.
    """
    return _converted(frame, width, height, "rgba")


def on_white(pixels: Pixels, alpha: Pixels) -> Pixels:
    """Composite `pixels` (H, W, 3) with `alpha` (H, W) on white."""
    share = alpha[..., None].astype(np.float32) / 255
    return (pixels * share + 255 * (1 - share) + 0.5).astype(np.uint8)


def _converted(frame: VideoFrame, width: int, height: int, format_: str) -> Pixels:
    space = int(frame.colorspace)
    if space in (0, 2):  # RGB or unspecified
        space = 1 if frame.height >= _HD else 5
    try:
        pixels: Pixels = frame.reformat(  # type: ignore[assignment]
            width=width,
            height=height,
            format=format_,
            src_colorspace=space,
            interpolation="AREA" if width < frame.width else "BICUBIC",
        ).to_ndarray()
    except video_library().FFmpegError as error:
        raise VideoError(
            f"The video's colours ({frame.format.name}, matrix {space}) can't be converted here; "
            "convert it to BT.709 first."
        ) from error
    return pixels
