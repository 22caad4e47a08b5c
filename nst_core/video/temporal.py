"""Frames in a style, calm where their motion can be followed.

The style's statistics are the same for all frames, the content's are smoothed within a scene, and what
the frame before painted is moved along the motion and blended in where that can be trusted. Each frame
keeps a share of what it would be by itself, so that nothing drifts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from nst_core.images.picture import Pixels
from nst_core.video.config import VideoConfig
from nst_core.video.flow import Floats, FlowEstimator, Motion, vision_library, warp
from nst_core.video.painter import ContentState, FramePainter, first_state, one_thread
from nst_core.video.pipeline import in_order
from nst_core.video.reader import Frame

if TYPE_CHECKING:
    from nst_core.video.segments import Carry

#: The share of the moved frame at temporal weight 1. The rest is fresh, which holds drift.
MOST = 0.95


@dataclass(frozen=True, eq=False)
class MovedFrame:
    """A frame and how it follows from the one before; None for the first, and at temporal weight 0."""

    frame: Frame
    motion: Motion | None


@dataclass(frozen=True, eq=False)
class PaintedFrame:
    """A frame painted by itself: `fresh`, at strength `alpha`, with the content's statistics then."""

    frame: Frame
    motion: Motion | None
    fresh: Pixels
    alpha: float
    content: ContentState | None


class TemporalPainter:
    """The steps from frames to calm painted frames; each may run in a thread of its own."""

    def __init__(self, painter: FramePainter, config: VideoConfig) -> None:
        self._painter = painter
        self._config = config

    def moved(
        self, frames: Iterator[Frame], flow: FlowEstimator, carry: Carry | None = None
    ) -> Iterator[MovedFrame]:
        """Find the motion from frame to frame, going on after `carry`."""
        before = None if carry is None else flow.grey(carry.frame.pixels)
        for frame in frames:
            if self._config.temporal == 0:
                yield MovedFrame(frame, None)
                continue
            now = flow.grey(frame.pixels)
            yield MovedFrame(frame, None if before is None else flow.between(before, now))
            before = now

    def painted(
        self, items: Iterator[MovedFrame], time_base: Fraction, carry: Carry | None = None
    ) -> Iterator[PaintedFrame]:
        """Paint each frame by itself, with statistics smoothed within its scene."""
        with nullcontext() if self._painter.runtime.startswith("torch") else one_thread():
            yield from self._painted(items, time_base, carry)

    def _painted(
        self, items: Iterator[MovedFrame], time_base: Fraction, carry: Carry | None
    ) -> Iterator[PaintedFrame]:
        calls = self._calls(items, time_base, carry)
        yield from in_order(calls, self._config.parallel)

    def _calls(
        self, items: Iterator[MovedFrame], time_base: Fraction, carry: Carry | None
    ) -> Iterator[Callable[[], PaintedFrame]]:
        """Statistics follow from frame to frame; the paintings, which take the time, do not."""
        state = None if carry is None else carry.content
        for item in items:
            pixels = item.frame.pixels
            alpha = self._config.alpha_at(float(item.frame.pts * time_base))
            if self._config.temporal == 0:
                state = None
            elif state is None or item.motion is None or item.motion.cut:
                state = first_state(self._painter, pixels)
            else:
                state = state.next(self._painter, pixels)
            yield partial(self._paint, item, alpha, state)

    def _paint(self, item: MovedFrame, alpha: float, state: ContentState | None) -> PaintedFrame:
        content = None if state is None else state.smoothed
        fresh = self._painter.paint(item.frame.pixels, content, alpha)
        return PaintedFrame(item.frame, item.motion, fresh, alpha, state)

    def calmed(self, item: PaintedFrame, before: Floats | None) -> Floats:
        """The frame (H, W, 3) in 0..255 with what it keeps of the result `before` it."""
        fresh = item.fresh.astype(np.float32)
        motion = item.motion
        # At strength 0 the result is the source itself.
        if before is None or motion is None or motion.cut or item.alpha == 0:
            return fresh
        return blended(fresh, before, motion, MOST * self._config.temporal)


def blended(fresh: Floats, before: Floats, motion: Motion, weight: float) -> Floats:
    """`fresh` (H, W, 3) in 0..255 with the share `weight` of `before` moved along, where trusted."""
    cv = vision_library()
    moved = warp(before, motion.backward, smooth=True)
    np.clip(moved, 0, 255, out=moved)  # bicubic oversteps, which would add up over frames
    size = (fresh.shape[1], fresh.shape[0])
    share = cv.resize(motion.trust, size, interpolation=cv.INTER_LINEAR) * np.float32(weight)
    moved -= fresh
    moved *= share[..., None]
    moved += fresh
    return moved
