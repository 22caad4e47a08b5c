"""Which way up a video is shown: what a phone writes beside the pixels instead of turning them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from nst_core.images.picture import Pixels

if TYPE_CHECKING:
    from av.video.frame import VideoFrame


@dataclass(frozen=True)
class Orientation:
    """`turns` counter-clockwise by 90°, then left and right `mirrored`."""

    turns: int = 0
    mirrored: bool = False

    @classmethod
    def of(cls, frame: VideoFrame) -> Orientation:
        """By the frame's display matrix, to the next quarter of a turn; upright without one."""
        matrix = frame.side_data.get("DISPLAYMATRIX")
        if matrix is None:
            return cls()
        # Points (x, y) of the pixels, y down, are shown at (a x + c y, b x + d y).
        a, b, _, c, d = np.frombuffer(cast(Any, matrix), np.int32)[:5].tolist()
        mirrored = a * d - b * c < 0
        angle = math.degrees(math.atan2(-b, -a if mirrored else a))
        return cls(round(angle / 90) % 4, mirrored)

    @property
    def sideways(self) -> bool:
        """Whether width and height change places."""
        return self.turns % 2 == 1

    def upright(self, pixels: Pixels) -> Pixels:
        """`pixels` (H, W, 3) as they are to be seen."""
        turned = np.rot90(pixels, self.turns) if self.turns else pixels
        return np.ascontiguousarray(turned[:, ::-1] if self.mirrored else turned)
