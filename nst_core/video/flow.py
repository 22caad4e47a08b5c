"""Optical flow between two frames, its reliability mask, and warping along the flow.

The flow is DIS (Kroeger et al., ECCV 2016). Reliability follows Ruder et al., "Artistic Style Transfer
for Videos" (2016), section 4.3: pixels fail where forward and backward flow disagree (occlusion and
disocclusion) and at motion boundaries.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nst_core.images.picture import Pixels
from nst_core.video.config import VideoError

Floats = npt.NDArray[np.float32]

#: Ruder et al., equation 5: |w + w'|² > 0.01 (|w|² + |w'|²) + 0.5.
_CONSISTENCY = (0.01, 0.5)
#: Equation 6: |∇u|² + |∇v|² > 0.01 |w|² + 0.002.
_MOTION_EDGE = (0.01, 0.002)
#: Side in pixels of the erosion window: pixels near unreliable ones are unreliable too.
_EROSION = 7
#: Scale of the brightness constancy test: trust falls to 1/e at this difference of luma, in 0..1.
_LUMA_CHANGE = 0.08
#: Scene cut: a smaller share of pixels than the first is reliable, and the mean difference of luma is
#: above the second.
_CUT_TRUST, _CUT_DIFFERENCE = 0.15, 0.06


def vision_library() -> Any:
    """The OpenCV module, set to one thread: DIS gives other values with other numbers of threads.

    Raises `VideoError` where it is not installed.
    """
    try:
        import cv2
    except ImportError:
        raise VideoError(
            "Videos need OpenCV, which is not installed: pip install opencv-python-headless."
        ) from None
    if cv2.getNumThreads() != 1:
        cv2.setNumThreads(1)
    return cv2


@dataclass(frozen=True, eq=False)
class Motion:
    """Motion from the previous frame to the current one.

    `backward` (h, w, 2) is the flow from the current to the previous frame, in pixels of a frame of h ×
    w. `reliable` (h, w) is 1 where the checks of Ruder et al. pass; `trust` (h, w), in [0, 1], has soft
    edges and is lower where brightness changed. `cut` is true at a scene cut.
    """

    backward: Floats
    reliable: Floats
    trust: Floats
    cut: bool


class FlowEstimator:
    """Estimates flow between frames (H, W, 3) uint8, resized to at most `long_side` pixels."""

    def __init__(self, long_side: int = 512, *, fine: bool = False) -> None:
        self._cv = vision_library()
        self._long_side = long_side
        preset = (
            self._cv.DISOPTICAL_FLOW_PRESET_MEDIUM if fine else self._cv.DISOPTICAL_FLOW_PRESET_FAST
        )
        self._dis = [self._cv.DISOpticalFlow_create(preset) for _ in range(2)]
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="flow")

    def grey(self, pixels: Pixels) -> Pixels:
        """Luma of a frame at the size of the flow: the input of `between`."""
        height, width = pixels.shape[:2]
        scale = min(1.0, self._long_side / max(height, width))
        size = (max(16, round(width * scale)), max(16, round(height * scale)))
        small = self._cv.resize(pixels, size, interpolation=self._cv.INTER_AREA)
        grey: Pixels = self._cv.cvtColor(small, self._cv.COLOR_RGB2GRAY)
        return grey

    def between(self, before: Pixels, now: Pixels) -> Motion:
        """Motion from `before` to `now`, both made by `grey`."""
        forward_job = self._pool.submit(self._dis[0].calc, before, now, None)
        backward = self._dis[1].calc(now, before, None)
        forward = forward_job.result()
        reliable = self._reliable(backward, forward)
        difference = self._difference(before, now, backward)
        constancy = np.exp(-((difference / _LUMA_CHANGE) ** 2))
        trust = self._cv.blur(reliable, (5, 5)) * reliable * constancy
        share = float(reliable.mean())
        cut = share < _CUT_TRUST and float(difference.mean()) > _CUT_DIFFERENCE
        return Motion(backward, reliable, trust.astype(np.float32), cut)

    def _reliable(self, backward: Floats, forward: Floats) -> Floats:
        moved = warp(forward, backward)
        size = _square(backward)
        apart = _square(backward + moved)
        ok = apart < _CONSISTENCY[0] * (size + _square(moved)) + _CONSISTENCY[1]
        ok &= self._gradient(backward) <= _MOTION_EDGE[0] * size + _MOTION_EDGE[1]
        rows, columns = np.indices(size.shape, dtype=np.float32)
        x, y = columns + backward[..., 0], rows + backward[..., 1]
        height, width = size.shape
        ok &= (x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1)
        kernel = np.ones((_EROSION, _EROSION), np.uint8)
        calm: Floats = self._cv.erode(ok.astype(np.uint8), kernel).astype(np.float32)
        return calm

    def _gradient(self, flow: Floats) -> Floats:
        across = np.zeros(flow.shape, np.float32)
        down = np.zeros(flow.shape, np.float32)
        across[:, 1:-1] = (flow[:, 2:] - flow[:, :-2]) / 2
        down[1:-1] = (flow[2:] - flow[:-2]) / 2
        return _square(across) + _square(down)

    def _difference(self, before: Pixels, now: Pixels, backward: Floats) -> Floats:
        moved = warp(before.astype(np.float32), backward)
        # Blurred, because film grain is no change of brightness.
        difference: Floats = np.abs(self._cv.blur(moved - now, (5, 5))) / 255
        return difference

    def close(self) -> None:
        """Stop the worker thread."""
        self._pool.shutdown()


def warp(image: Floats, backward: Floats, *, smooth: bool = False) -> Floats:
    """Warp `image` (H, W) or (H, W, C) along `backward` (h, w, 2), which may be smaller.

    Bilinear; with `smooth` bicubic, which stays sharp over many frames. Borders are replicated.
    """
    cv = vision_library()
    height, width = image.shape[:2]
    flow = backward
    if flow.shape[:2] != (height, width):
        scale = np.array([width / flow.shape[1], height / flow.shape[0]], np.float32)
        flow = cv.resize(flow, (width, height), interpolation=cv.INTER_LINEAR) * scale
    columns = flow[..., 0] + np.arange(width, dtype=np.float32)
    rows = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    kind = cv.INTER_CUBIC if smooth else cv.INTER_LINEAR
    moved: Floats = cv.remap(image, columns, rows, kind, borderMode=cv.BORDER_REPLICATE)
    return moved


def _square(flow: Floats) -> Floats:
    squared: Floats = np.square(flow[..., 0]) + np.square(flow[..., 1])
    return squared
