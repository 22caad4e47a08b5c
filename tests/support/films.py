from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def texture(width: int, height: int, seed: int = 0) -> np.ndarray:
    """Smooth coloured noise: something that flow can hold on to."""
    random = np.random.default_rng(seed)
    small = random.integers(0, 256, (height // 6 + 2, width // 6 + 2, 3), np.uint8)
    return np.array(Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC))


def sliding(width: int, height: int, count: int, step: int = 1, seed: int = 0) -> Iterator[np.ndarray]:
    """Frames of a camera that moves `step` pixels to the right each time."""
    wide = texture(width + step * count, height, seed)
    for number in range(count):
        yield wide[:, number * step : number * step + width]


def read_back(path: Path) -> dict[str, Any]:
    """What a player would find in a file."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        base = stream.time_base
        frames, times = [], []
        for frame in container.decode(stream):
            frames.append(frame.to_ndarray(format="rgb24"))
            times.append(frame.pts * base)
        found = {
            "codec": stream.codec_context.name,
            "pixel_format": stream.codec_context.pix_fmt,
            "frames": frames,
            "times": times,
            "rate": stream.average_rate,
            "seconds": (container.duration or 0) / 1e6,
            "audio": [audio.codec_context.name for audio in container.streams.audio],
        }
    found["sound"] = [_sound(path, index) for index in range(len(found["audio"]))]
    return found


def _sound(path: Path, index: int) -> tuple[Fraction, np.ndarray]:
    """Where a sound begins, and its samples."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.audio[index]
        frames = list(container.decode(stream))
        return Fraction(frames[0].pts * frames[0].time_base), np.concatenate(
            [frame.to_ndarray()[0] for frame in frames]
        )


def frames_of(folder: Path) -> list[np.ndarray]:
    """The pixels of the pictures of a folder, in the order of their names."""
    return [np.array(Image.open(path)) for path in sorted(folder.iterdir())]
