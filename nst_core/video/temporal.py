"""Temporal consistency: warps the previous painted frame along the flow and blends it in.

Style statistics are fixed for all frames; content statistics are smoothed within a scene. The warped
previous frame is blended in where the flow can be trusted. Each frame keeps a share of its own fresh
painting, so that errors do not accumulate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

import numpy as np

from nst_core.images.picture import Pixels
from nst_core.stylize.renderer import Encoded
from nst_core.video.config import VideoConfig
from nst_core.video.flow import Floats, FlowEstimator, Motion, vision_library, warp
from nst_core.video.painter import ContentState, FramePainter, first_state, one_thread
from nst_core.video.pipeline import in_order
from nst_core.video.reader import Frame
from nst_core.video.segments import TemporalState

#: Frames that are painted at a time on CUDA unless the settings say more: while the card computes one,
#: the processor prepares the next and composes the last.
CUDA_PARALLEL = 3
#: Share of the warped previous frame at temporal weight 1. The rest is fresh, which limits drift.
MAX_BLEND = 0.95


@dataclass(frozen=True, eq=False)
class FrameWithMotion:
    """A frame and its motion from the previous one.

    None for the first frame and at temporal weight 0.
    """

    frame: Frame
    motion: Motion | None


@dataclass(frozen=True, eq=False)
class PaintedFrame:
    """A frame painted by itself: result `fresh`, strength `alpha`, content statistics `content`."""

    frame: Frame
    motion: Motion | None
    fresh: Floats
    alpha: float
    content: ContentState | None


@dataclass(frozen=True, eq=False)
class BlendedFrame:
    """A finished frame: `pixels` (H, W, 3) uint8, and the state that the next frame needs."""

    pixels: Pixels
    state: TemporalState


class TemporalPainter:
    """Stages from source frames to temporally stable painted frames; each may run in its own thread."""

    def __init__(self, painter: FramePainter, config: VideoConfig) -> None:
        self._painter = painter
        self._config = config

    def with_motion(
        self, frames: Iterator[Frame], flow: FlowEstimator, state: TemporalState | None = None
    ) -> Iterator[FrameWithMotion]:
        """Estimate the motion between successive frames, after `state` when resumed."""
        before = None if state is None else flow.grey(state.frame.pixels)
        for frame in frames:
            if self._config.temporal == 0:
                yield FrameWithMotion(frame, None)
                continue
            now = flow.grey(frame.pixels)
            yield FrameWithMotion(frame, None if before is None else flow.between(before, now))
            before = now

    def painted(
        self, items: Iterator[FrameWithMotion], time_base: Fraction, state: TemporalState | None = None
    ) -> Iterator[PaintedFrame]:
        """Paint each frame by itself, with content statistics smoothed within its scene."""
        with nullcontext() if self._painter.runtime.startswith("torch") else one_thread():
            yield from self._painted(items, time_base, state)

    def _painted(
        self, items: Iterator[FrameWithMotion], time_base: Fraction, state: TemporalState | None
    ) -> Iterator[PaintedFrame]:
        calls = self._calls(items, time_base, state)
        yield from in_order(calls, self.parallel)

    @property
    def parallel(self) -> int:
        """The number of frames that are painted at a time."""
        chosen = self._config.parallel
        if chosen is not None:
            return chosen
        return CUDA_PARALLEL if self._painter.on_cuda else 1

    def _calls(
        self, items: Iterator[FrameWithMotion], time_base: Fraction, state: TemporalState | None
    ) -> Iterator[Callable[[], PaintedFrame]]:
        """Painting calls, one for each frame.

        Statistics depend on the previous frame; the calls do not.
        """
        content = None if state is None else state.content
        for item in items:
            pixels = item.frame.pixels
            alpha = self._config.alpha_at(float(item.frame.pts * time_base))
            encoded: Encoded | None = None
            if self._config.temporal == 0:
                content = None
            elif content is None or item.motion is None or item.motion.cut:
                encoded = self._painter.encode(pixels)
                content = first_state(encoded.statistics)
            else:
                encoded = self._painter.encode(pixels) if content.is_due else None
                content = content.next(None if encoded is None else encoded.statistics)
            yield partial(self._paint, item, alpha, content, encoded)

    def _paint(
        self,
        item: FrameWithMotion,
        alpha: float,
        content: ContentState | None,
        encoded: Encoded | None,
    ) -> PaintedFrame:
        statistics = None if content is None else content.smoothed
        fresh = self._painter.paint(item.frame.pixels, alpha, statistics, encoded)
        return PaintedFrame(item.frame, item.motion, fresh, alpha, content)

    def finished(
        self, items: Iterator[PaintedFrame], state: TemporalState | None = None
    ) -> Iterator[BlendedFrame]:
        """Blend each frame with the result of the one before, after `state` when resumed."""
        for item in items:
            output = self.stabilized(item, None if state is None else state.output)
            cuts, trusted = (0, 0.0) if state is None else (state.cuts, state.trusted)
            if item.motion is not None:
                cuts += item.motion.cut
                trusted += float(item.motion.trust.mean())
            state = TemporalState(item.frame, output, item.content, cuts, trusted)
            yield BlendedFrame((output + 0.5).astype(np.uint8), state)

    def stabilized(self, item: PaintedFrame, previous: Floats | None) -> Floats:
        """The frame (H, W, 3) in 0..255, blended with `previous`, the result of the frame before."""
        fresh, motion = item.fresh, item.motion
        # At strength 0 the result is the source itself.
        if previous is None or motion is None or motion.cut or item.alpha == 0:
            return fresh
        return blended(fresh, previous, motion, MAX_BLEND * self._config.temporal)


def blended(fresh: Floats, previous: Floats, motion: Motion, weight: float) -> Floats:
    """Blend `fresh` (H, W, 3) in 0..255 with `previous`, warped, with weight `weight` × trust."""
    cv = vision_library()
    warped = warp(previous, motion.backward, smooth=True)
    np.clip(warped, 0, 255, out=warped)  # bicubic overshoots, which would accumulate over frames
    size = (fresh.shape[1], fresh.shape[0])
    share = cv.resize(motion.trust, size, interpolation=cv.INTER_LINEAR) * np.float32(weight)
    warped -= fresh
    warped *= share[..., None]
    warped += fresh
    return warped
