"""Clips made of photographs: a camera that pans and zooms, cuts, and something that passes in front.

`python -m tests.support.clips OUT_DIR` writes pan.mp4 and cuts.mp4, with a tone for sound.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from nst_core.images.picture import Pixels
from nst_core.video.container import video_library

#: A camera's grain, in levels of 255: without it every still part would be calm by itself.
_GRAIN = 2.0
_SOUND_RATE = 48_000


def pan(
    image: Image.Image, width: int, height: int, count: int, *, zoom: float = 1.35, seed: int = 0
) -> Iterator[Pixels]:
    """`count` frames of a camera that moves over `image` along an arc and closes in."""
    ratio = width / height
    whole = (min(image.width, image.height * ratio), min(image.height, image.width / ratio))
    random = np.random.default_rng(seed)
    for number in range(count):
        share = number / max(1, count - 1)
        scale = 1 / (1.15 + (zoom - 1.15) * share)
        w, h = whole[0] * scale, whole[1] * scale
        x = (image.width - w) * (0.5 - 0.45 * math.cos(math.pi * share))
        y = (image.height - h) * (0.5 + 0.4 * math.sin(2 * math.pi * share))
        frame = image.resize((width, height), Image.Resampling.BICUBIC, box=(x, y, x + w, y + h))
        yield _with_grain(np.array(frame), random)


def passing(frames: Iterable[Pixels], front: Image.Image, count: int) -> Iterator[Pixels]:
    """`frames` with a round cut of `front` that crosses them from left to right."""
    disc = mask = None
    for number, pixels in enumerate(frames):
        height, width = pixels.shape[:2]
        side = int(height * 0.55)
        if disc is None or mask is None:
            disc, mask = front.resize((side, side), Image.Resampling.LANCZOS), _round(side)
        canvas = Image.fromarray(pixels)
        share = number / max(1, count - 1)
        left = round(-side + (width + side) * share)
        top = round(height * (0.3 + 0.1 * math.sin(9 * share)))
        canvas.paste(disc, (left, top), mask)
        yield np.array(canvas)


def _round(side: int) -> Image.Image:
    mask = Image.new("L", (side * 4, side * 4))
    ImageDraw.Draw(mask).ellipse((0, 0, side * 4 - 1, side * 4 - 1), fill=255)
    return mask.resize((side, side), Image.Resampling.LANCZOS)


def cuts_and_occlusions(
    images: Sequence[Image.Image], width: int, height: int, count: int
) -> Iterator[Pixels]:
    """`count` frames in as many scenes as there are images; the next image passes before each."""
    each = count // len(images)
    for scene, image in enumerate(images):
        length = each if scene < len(images) - 1 else count - each * scene
        front = images[(scene + 1) % len(images)]
        side = min(front.size)
        yield from passing(
            pan(image, width, height, length, seed=scene), front.crop((0, 0, side, side)), length
        )


def write_clip(
    path: Path,
    frames: Iterable[Pixels],
    rate: Fraction | int = 25,
    *,
    codec: str = "libx264",
    sound: str | None = "aac",
    rotation: int = 0,
    mirrored: bool = False,
    times: Sequence[int] | None = None,
    pixel_format: str = "yuv420p",
    silent_s: float = 0.0,
) -> Path:
    """Write a video file, with a tone as long as it if `sound` names a codec.

    `rotation` (degrees, counter-clockwise) and `mirrored` (after that) are told to players; `times` are
    the frames' own, in thousandths of a second, where the rate is not steady. The tone begins
    after `silent_s` seconds.
    """
    av = video_library()
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=Fraction(rate))
        stream.pix_fmt = pixel_format
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        audio: Any = container.add_stream(sound, rate=_SOUND_RATE) if sound else None
        count = 0
        for pixels in frames:
            if not count:
                stream.height, stream.width = pixels.shape[:2]
                if rotation or mirrored:
                    stream.set_display_rotation(rotation, hflip=mirrored)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            frame.pts = count if times is None else times[count]
            frame.time_base = 1 / Fraction(rate) if times is None else Fraction(1, 1000)
            container.mux(stream.encode(frame))
            count += 1
        container.mux(stream.encode(None))
        if audio is not None:
            seconds = count / Fraction(rate) if times is None else Fraction(times[count - 1], 1000)
            _write_tone(av, container, audio, float(seconds), silent_s)
    return path


def _write_tone(av: Any, container: Any, stream: Any, seconds: float, silent_s: float) -> None:
    size = stream.codec_context.frame_size or 1024
    layout = stream.codec_context.layout.name
    for start in range(0, round(seconds * _SOUND_RATE), size):
        time = (start + np.arange(size)) / _SOUND_RATE
        wave = (0.2 * np.sin(2 * np.pi * 440 * time) * (time >= silent_s)).astype(np.float32)
        planes = np.repeat(wave[None], len(av.AudioLayout(layout).channels), axis=0)
        frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = _SOUND_RATE, start, Fraction(1, _SOUND_RATE)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _with_grain(pixels: Pixels, random: np.random.Generator) -> Pixels:
    grain = random.normal(0, _GRAIN, pixels.shape)
    noisy: Pixels = np.clip(pixels + grain + 0.5, 0, 255).astype(np.uint8)
    return noisy


def write_clips(folder: Path, width: int = 640, height: int = 360, seconds: float = 4.0) -> list[Path]:
    """pan.mp4 and cuts.mp4, of scikit-image's photographs; raises `ImportError` without it."""
    from skimage import data

    folder.mkdir(parents=True, exist_ok=True)
    images = [Image.fromarray(getattr(data, name)()) for name in ("coffee", "chelsea", "astronaut")]
    rate, count = Fraction(24_000, 1001), round(seconds * 24)
    moving = pan(images[1], width, height, count)
    cutting = cuts_and_occlusions(images, width, height, count)
    return [
        write_clip(folder / "pan.mp4", moving, rate),
        write_clip(folder / "cuts.mp4", cutting, rate),
    ]


if __name__ == "__main__":
    write_clips(Path(sys.argv[1]))
