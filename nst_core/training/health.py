"""Watches a training of one style and says when something is wrong, or when it is done.

Everything is judged against two yardsticks taken from the pictures before the first step: how far
photos are from the style, and how far they are from one another.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Trouble = Literal["not_a_number", "diverged", "flat_output", "saturated", "content_lost", "no_style"]
#: What is wrong, for people.
SAYINGS: dict[str, str] = {
    "not_a_number": "The losses are no numbers any more",
    "diverged": "The loss grows instead of falling",
    "flat_output": "The network paints one flat colour",
    "saturated": "Nearly every pixel is black, white or of a pure colour",
    "content_lost": "The photographs can't be made out any more: the style outweighs them",
    "no_style": "The style has no effect: the content outweighs it",
}
#: Steps over which figures are smoothed.
_SMOOTH = 20
#: Steps for which a trouble has to last.
_LASTING = 30
#: Steps before anything but not-a-number is judged: the first pictures of a random network are a mess.
_GRACE = 150
#: Steps before the style's effect is judged, which comes last.
_PATIENCE = 400


@dataclass(frozen=True, kw_only=True)
class Yardsticks:
    """Of the losses before weighting, and of the style picture. `unlike` and `unstyled` are what the
    content loss is between two photos and the style loss of photos; `saturation` is the style's.
    """

    unlike: float
    unstyled: float
    saturation: float


@dataclass(frozen=True, kw_only=True)
class Look:
    """Of one step: unweighted losses, the weighted total, and the output's pixels.

    `contrast` is the mean deviation of a picture's pixels, `saturation` the share at either end.
    """

    content: float
    style: float
    total: float
    contrast: float
    saturation: float


class Watch:
    """Looks at every step; compares `window` steps with others to see whether the loss still falls."""

    def __init__(self, yardsticks: Yardsticks, *, window: int = 500) -> None:
        self.yardsticks = yardsticks
        self._window = window
        self.reset()

    def reset(self) -> None:
        """Forget everything: after going back, nothing of before counts."""
        self.seen = 0
        self.smooth: dict[str, float] = {}
        self._lowest = math.inf
        self._lasting: dict[str, int] = {}
        self._sums: deque[float] = deque(maxlen=3)
        self._sum = 0.0

    def observe(self, look: Look) -> Trouble | None:
        """What is wrong, if anything is."""
        values = {
            "content": look.content,
            "style": look.style,
            "total": look.total,
            "contrast": look.contrast,
            "saturation": look.saturation,
        }
        if not all(math.isfinite(value) for value in values.values()):
            return "not_a_number"
        self.seen += 1
        share = max(1 / self.seen, 1 / _SMOOTH)
        for name, value in values.items():
            before = self.smooth.get(name, value)
            self.smooth[name] = before + share * (value - before)
        self._note_total(look.total)
        wrong = self._wrong() if self.seen > _GRACE else None
        for name in SAYINGS:
            self._lasting[name] = self._lasting.get(name, 0) + 1 if name == wrong else 0
        if self.seen > _SMOOTH:
            self._lowest = min(self._lowest, self.smooth["total"])
        return wrong if wrong is not None and self._lasting[wrong] >= _LASTING else None

    def _wrong(self) -> Trouble | None:
        smooth, yard = self.smooth, self.yardsticks
        if smooth["total"] > 4 * self._lowest:
            return "diverged"
        if smooth["contrast"] < 0.015 and self.seen > 2 * _GRACE:
            return "flat_output"
        if smooth["saturation"] > max(0.5, 1 - (1 - yard.saturation) / 3):
            return "saturated"
        if smooth["content"] > 0.9 * yard.unlike:
            return "content_lost"
        if self.seen > _PATIENCE and smooth["style"] > 0.95 * yard.unstyled:
            return "no_style"
        return None

    @property
    def judged(self) -> bool:
        """Whether it has seen enough to call a state good."""
        return self.seen > _GRACE

    @property
    def healthy(self) -> bool:
        """Whether nothing looks wrong just now, so that what there is may be gone back to."""
        return not any(self._lasting.values())

    def _note_total(self, total: float) -> None:
        self._sum += total
        if self.seen % self._window == 0:
            self._sums.append(self._sum / self._window)
            self._sum = 0.0

    @property
    def converged(self) -> bool:
        """Whether the loss fell by less than a hundredth in each of the last two windows."""
        if len(self._sums) < 3 or self.seen % self._window:
            return False
        first, second, third = self._sums
        return second > 0.99 * first and third > 0.99 * second

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {
            "seen": self.seen,
            "smooth": dict(self.smooth),
            "lowest": self._lowest,
            "lasting": dict(self._lasting),
            "sums": list(self._sums),
            "sum": self._sum,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`."""
        self.seen = int(state["seen"])
        self.smooth = dict(state["smooth"])
        self._lowest = float(state["lowest"])
        self._lasting = dict(state["lasting"])
        self._sums = deque(state["sums"], maxlen=3)
        self._sum = float(state["sum"])
