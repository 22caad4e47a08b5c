"""Animations as FFmpeg reads them, with the frame times that browsers show: GIF, APNG and WebP.

Browsers show frames of 10 ms and less for 100 ms, FFmpeg does not. FFmpeg has no demuxer of animated
WebP, which Pillow decodes. Needs PyAV for WebP.
"""

from __future__ import annotations

import io
import struct
import zlib
from fractions import Fraction

from PIL import Image

from imaging.metadata import BrokenFileError, png_chunks

GIF_SIGNATURES = (b"GIF87a", b"GIF89a")
_MILLISECOND = Fraction(1, 1000)
_SHORTEST_MS, _DEFAULT_MS = 10, 100
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def readable_animation(data: bytes, max_pixels: int) -> bytes:
    """An animated WebP as MOV, a GIF or APNG with the frame times of browsers.

    Returns `data` itself if there is nothing to change. Raises the errors of `webp_as_mov`.
    """
    if is_animated_webp(data[:21]):
        return webp_as_mov(data, max_pixels)
    if data.startswith(GIF_SIGNATURES):
        return _patched(data, _short_gif_delays(data), struct.pack("<H", _DEFAULT_MS // 10))
    if data.startswith(PNG_SIGNATURE):
        return _apng_with_browser_times(data)
    return data


def _patched(data: bytes, places: list[int], value: bytes) -> bytes:
    if not places:
        return data
    patched = bytearray(data)
    for at in places:
        patched[at : at + len(value)] = value
    return bytes(patched)


def _short_gif_delays(data: bytes) -> list[int]:
    """Offsets of the delays of at most 10 ms in the graphic control extensions (GIF89a, section 23)."""
    found: list[int] = []
    at = 13 + _color_table_bytes(data[10]) if len(data) > 13 else len(data)
    while at + 10 <= len(data) and data[at] in (0x21, 0x2C):
        if data[at] == 0x21:  # extension: label, sub-blocks
            if data[at + 1 : at + 3] == b"\xf9\x04" and data[at + 4] + 256 * data[at + 5] <= 1:
                found.append(at + 4)
            at += 2
        else:  # image: position and size, flags, colour table, LZW code size, sub-blocks
            at += 11 + _color_table_bytes(data[at + 9])
        while at < len(data) and data[at]:
            at += data[at] + 1
        at += 1
    return found


def _color_table_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _apng_with_browser_times(data: bytes) -> bytes:
    """Replace delays of at most 10 ms in the frame control chunks (fcTL)."""
    patched, changed = [], False
    try:
        for kind, body, chunk in png_chunks(data):
            if kind == b"fcTL" and len(body) == 26:
                delay, per_second = struct.unpack_from(">HH", body, 20)
                if delay * 1000 <= _SHORTEST_MS * (per_second or 100):
                    body = body[:20] + struct.pack(">HH", _DEFAULT_MS, 1000) + body[24:]
                    chunk = chunk[:8] + body + struct.pack(">I", zlib.crc32(kind + body))
                    changed = True
            patched.append(chunk)
    except BrokenFileError:
        return data  # the decoder reports a broken file
    return PNG_SIGNATURE + b"".join(patched) if changed else data


def is_animation(start: bytes) -> bool:
    """Whether a file may be one that `readable_animation` changes, by its first 21 bytes."""
    return is_animated_webp(start) or start.startswith((PNG_SIGNATURE, *GIF_SIGNATURES))


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
