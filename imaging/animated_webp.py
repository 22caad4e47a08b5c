"""Conversion of animated WebP to a video that FFmpeg reads.

FFmpeg has no demuxer of animated WebP; Pillow decodes it. Needs PyAV.
"""

from __future__ import annotations

import io
from fractions import Fraction

from PIL import Image

_MILLISECOND = Fraction(1, 1000)
#: Browsers show frames of 10 ms and less for 100 ms.
_SHORTEST_MS, _DEFAULT_MS = 10, 100


def is_animated_webp(start: bytes) -> bool:
    """Whether a file is an animated WebP, by its first 21 bytes."""
    flags = start[20] if start[12:16] == b"VP8X" and len(start) > 20 else 0
    return start[:4] == b"RIFF" and start[8:12] == b"WEBP" and bool(flags & 0x02)


def webp_as_mov(data: bytes, max_pixels: int) -> bytes:
    """A MOV of PNG frames, with alpha if a pixel is transparent, and times in milliseconds.

    Raises `ValueError` for frames of more than `max_pixels`, and the errors of Pillow for a damaged
    file.
    """
    import av

    out = io.BytesIO()
    with Image.open(io.BytesIO(data), formats=["WEBP"]) as image:
        if image.width * image.height > max_pixels:
            raise ValueError(f"its frames have more than {max_pixels:,} pixels")
        pixel_format = "rgba" if _has_alpha(image) else "rgb24"
        with av.open(out, "w", format="mov") as container:
            stream = container.add_stream("png", rate=1000, options={"compression_level": "1"})
            stream.width, stream.height, stream.pix_fmt = image.width, image.height, pixel_format
            stream.codec_context.time_base = _MILLISECOND
            time = 0
            for number in range(int(getattr(image, "n_frames", 1))):
                image.seek(number)
                pixels = image.convert("RGBA").tobytes()
                frame = av.VideoFrame.from_bytes(pixels, *image.size, format="rgba")
                frame = frame.reformat(format=pixel_format)
                frame.pts, frame.time_base = time, _MILLISECOND
                duration = int(image.info.get("duration", 0))
                duration = duration if duration > _SHORTEST_MS else _DEFAULT_MS
                time += duration
                for packet in stream.encode(frame):
                    packet.duration = duration
                    container.mux(packet)
    return out.getvalue()


def _has_alpha(image: Image.Image) -> bool:
    for number in range(int(getattr(image, "n_frames", 1))):
        image.seek(number)
        if image.convert("RGBA").getchannel("A").getextrema() != (255, 255):
            return True
    return False
