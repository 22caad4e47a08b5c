"""The warping error: temporal consistency of a stylised video along the motion of its source.

For frames t = 1, 2, … of the source, with the backward flow w_t (from t to t - 1; DIS, preset "medium",
on luma at the stylised video's size, at most 1024 pixels) and the mask M_t of the pixels that pass
Ruder et al.'s checks of consistency and motion edges (`nst_core.video.flow`; margin of 7 pixels):

    E_t = sqrt( sum M_t (O_t - warp(O_(t-1), w_t))² / (3 sum M_t) )

with sums over pixels (and, above, channels), O the stylised frames, RGB in [0, 1], and a bilinear warp.
Pixels outside the mask count neither above nor below. The warping error is the mean of E_t over t,
without cuts and frames of which less than a hundredth passes. Lower is calmer; a blurred or still video
is calm too, so `detail` is reported too: the mean absolute step of luma to the next pixel on the
right and below, in levels of 255.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
from torch import Tensor

from nst_core.images.picture import Pixels
from nst_core.stylize.engine import Engine
from nst_core.video.config import VideoConfig, VideoError
from nst_core.video.flow import Floats, FlowEstimator, Motion, vision_library, warp
from nst_core.video.painter import FramePainter
from nst_core.video.reader import Frame, VideoReader
from nst_core.video.temporal import TemporalPainter

DEFINITION = (
    "Warping error: mean over frames of sqrt(sum M (O_t - warp(O_t-1))^2 / (3 sum M)); O in 0..1, flow "
    "and mask M (Ruder et al. 2016) of the source; pixels outside M and cuts are left out."
)
_LONG_SIDE = 1024
_LEAST_SHARE = 0.01
#: Number of frames of the moving average, a baseline.
WINDOW = 5


@dataclass(frozen=True, kw_only=True)
class VideoFigures:
    """Scores of one video, as defined by this module."""

    video: str
    warping_error: float
    detail: float
    pairs: int


class _Scores:
    """Accumulates the scores of one video, frame by frame."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._errors: list[float] = []
        self._details: list[float] = []
        self._before: Floats | None = None

    def add(self, pixels: Pixels | Floats, motion: Motion | None) -> None:
        image: Floats = pixels.astype(np.float32) / np.float32(255)
        self._details.append(_detail(image))
        if self._before is not None and motion is not None and not motion.cut:
            error = warping_error(self._before, image, motion)
            if error is not None:
                self._errors.append(error)
        self._before = image

    def figures(self) -> VideoFigures:
        if not self._errors:
            raise VideoError(
                "No two frames of the source can be followed; there is nothing to measure."
            )
        return VideoFigures(
            video=self._name,
            warping_error=float(np.mean(self._errors)),
            detail=float(np.mean(self._details)),
            pairs=len(self._errors),
        )


def warping_error(before: Floats, now: Floats, motion: Motion) -> float | None:
    """E_t of two frames (H, W, 3) in [0, 1]; None if the mask is too small."""
    cv = vision_library()
    size = (now.shape[1], now.shape[0])
    mask = cv.resize(motion.reliable, size, interpolation=cv.INTER_NEAREST)
    if float(mask.mean()) < _LEAST_SHARE:
        return None
    apart = np.square(now - warp(before, motion.backward)) * mask[..., None]
    return float(np.sqrt(apart.sum(dtype=np.float64) / (3 * mask.sum(dtype=np.float64))))


def _detail(image: Floats) -> float:
    light = image @ np.array([0.299, 0.587, 0.114], np.float32)
    across, down = np.abs(np.diff(light, axis=1)).mean(), np.abs(np.diff(light, axis=0)).mean()
    return float(across + down) / 2 * 255


def measure_videos(
    source: Path,
    stylised: Path,
    *,
    engine: Engine | None = None,
    style: Tensor | None = None,
    config: VideoConfig | None = None,
) -> list[VideoFigures]:
    """Scores of `stylised` and of the source itself, which is the lower limit of the measure.

    With an `engine` and a `style`, also of each frame rendered by itself, of a moving average of those
    over 5 frames, and of our rendering before it was encoded, at the settings of `config`. Its trimming
    is taken to be that of `stylised`. Raises `VideoError` if the two do not belong together.
    """
    config = config or VideoConfig()
    with VideoReader(stylised, limits=config.limits) as made:
        size = max(made.info.width, made.info.height)
        reader = VideoReader(
            source, limits=config.limits, start_s=config.start_s, end_s=config.end_s, size=size
        )
        with reader, closing(FlowEstimator(_LONG_SIDE, fine=True)) as flow:
            sums = [_Scores(source.name), _Scores(stylised.name)]
            baselines = None
            if engine is not None and style is not None:
                baselines = _Baselines(engine, style, config, reader.time_base)
            before: Pixels | None = None
            count = 0
            given, results = reader.frames(), made.frames()
            for frame, result in zip(given, results, strict=False):
                count += 1
                now = flow.grey(frame.pixels)
                motion = None if before is None else flow.between(before, now)
                before = now
                sums[0].add(_fitted(frame.pixels, result.pixels), motion)
                sums[1].add(result.pixels, motion)
                if baselines is not None:
                    baselines.add(frame, motion)
            _check(count, given, results)
    if baselines is not None:
        baselines.close()
        sums += baselines.sums
    return [one.figures() for one in sums]


def _fitted(pixels: Pixels, like: Pixels) -> Pixels:
    """`pixels` resized to the size of `like`, because an encoder may pad to even sizes."""
    if pixels.shape == like.shape:
        return pixels
    fitted: Pixels = vision_library().resize(pixels, (like.shape[1], like.shape[0]))
    return fitted


def _check(count: int, *rests: Iterator[Frame]) -> None:
    """Raise `VideoError` if one video has many more frames: encoders may drop only a few at the end."""
    most = max(2, count // 50)
    for rest in rests:
        if sum(1 for _ in islice(rest, most + 1)) > most:
            raise VideoError(
                f"The videos do not belong together: one ends after {count} frames, the other goes on."
            )


class _Baselines:
    """Renders the baselines, frame by frame of the source."""

    def __init__(self, engine: Engine, style: Tensor, config: VideoConfig, time_base: Fraction) -> None:
        self._painter = FramePainter(engine, style, config)
        self._config, self._time_base = config, time_base
        self._temporal = TemporalPainter(self._painter, config)
        self._flow = FlowEstimator()
        self._queue: deque[Frame] = deque()
        self._recent: deque[Floats] = deque(maxlen=WINDOW)
        moved = self._temporal.with_motion(self._frames(), self._flow)
        self._painted = self._temporal.painted(moved, time_base)
        self._stabilized: Floats | None = None
        self.sums = [
            _Scores("each frame by itself"),
            _Scores(f"moving average of {WINDOW} frames"),
            _Scores("ours, not encoded"),
        ]

    def _frames(self) -> Iterator[Frame]:
        while True:
            yield self._queue.popleft()

    def add(self, frame: Frame, motion: Motion | None) -> None:
        alpha = self._config.alpha_at(float(frame.pts * self._time_base))
        alone = self._painter.paint(frame.pixels, alpha)
        self._recent.append(alone)
        mean = np.mean(np.stack(self._recent), axis=0)
        self._queue.append(frame)
        self._stabilized = self._temporal.stabilized(next(self._painted), self._stabilized)
        for sums, image in zip(self.sums, (alone, mean, self._stabilized), strict=True):
            sums.add(image, motion)

    def close(self) -> None:
        self._flow.close()
