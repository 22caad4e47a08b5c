"""Display orientation of a video: phones write a display matrix instead of rotating pixels."""

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
    """A rotation by `turns` × 90° counter-clockwise, then a horizontal flip if `mirrored`."""

    turns: int = 0
    mirrored: bool = False

    @classmethod
    def of(cls, frame: VideoFrame) -> Orientation:
        """Orientation by the frame's display matrix, rounded to quarter turns.

        Identity without a matrix.
        """
        matrix = frame.side_data.get("DISPLAYMATRIX")
        if matrix is None:
            return cls()
        # The matrix maps a pixel (x, y), y down, to (a x + c y, b x + d y) on the screen.
        a, b, _, c, d = np.frombuffer(cast(Any, matrix), np.int32)[:5].tolist()
        mirrored = a * d - b * c < 0
        angle = math.degrees(math.atan2(-b, -a if mirrored else a))
        return cls(round(angle / 90) % 4, mirrored)

    @property
    def sideways(self) -> bool:
        """Whether width and height are exchanged."""
        return self.turns % 2 == 1

    def upright(self, pixels: Pixels) -> Pixels:
        """`pixels` (H, W, C) rotated and flipped for display."""
        turned = np.rot90(pixels, self.turns) if self.turns else pixels
        return np.ascontiguousarray(turned[:, ::-1] if self.mirrored else turned)
