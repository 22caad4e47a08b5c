"""Conversion of decoded video frames to RGB and RGBA in sRGB; HDR is tone-mapped."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from imaging.icc_profile import cicp_profile
from imaging.srgb import to_srgb
from nst_core.images.picture import Pixels
from nst_core.video.config import VideoError
from nst_core.video.container import video_library

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

#: Code points of H.273: PQ and HLG; BT.2020 and the two spaces of P3; sRGB.
_HDR_TRANSFERS, _WIDE_PRIMARIES, _BT2020, _SRGB = (16, 18), (9, 11, 12), 9, 13
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
    profile = _wide_profile(int(frame.color_primaries), int(frame.color_trc))
    if profile is not None:
        converted, _ = to_srgb(Image.fromarray(pixels[..., :3]), profile)
        pixels = np.dstack((np.asarray(converted), pixels[..., 3:]))
    return pixels


@lru_cache(maxsize=4)
def _wide_profile(primaries: int, transfer: int) -> bytes | None:
    """The ICC profile of HDR and wide gamut, by code points of H.273; None for other videos.

    SDR of BT.601 and BT.709 stays as coded, as in browsers.
    """
    if transfer in _HDR_TRANSFERS:
        return cicp_profile(
            primaries if primaries in _WIDE_PRIMARIES else _BT2020, transfer, gray=False
        )
    return cicp_profile(primaries, _SRGB, gray=False) if primaries in _WIDE_PRIMARIES else None
