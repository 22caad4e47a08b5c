"""Health monitor of a training of one style: detects divergence, degenerate output and convergence.

Each step is compared with reference losses that are measured on the pictures before step 0: how far
photographs are from one another, and how far they are from the style.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Problem = Literal["not_a_number", "diverged", "flat_output", "saturated", "content_lost", "no_style"]
#: Message for people for each problem.
PROBLEM_MESSAGES: dict[str, str] = {
    "not_a_number": "The losses are not finite numbers",
    "diverged": "The loss grows instead of falling",
    "flat_output": "The network paints one flat colour",
    "saturated": "Nearly every pixel is black, white or of a pure colour",
    "content_lost": "The photographs can't be recognised any more: the style outweighs them",
    "no_style": "The style has no effect: the content outweighs it",
}
#: Window of the exponential smoothing, in steps.
_SMOOTHING_STEPS = 20
#: A problem is reported after so many steps in a row.
_LASTING_STEPS = 30
#: Steps before anything but non-finite losses is judged: a random network's first output is noise.
_GRACE_STEPS = 150
#: Steps before the effect of the style is judged, since the style is learnt last.
_STYLE_GRACE_STEPS = 400


@dataclass(frozen=True, kw_only=True)
class ReferenceLosses:
    """Reference values measured before step 0, with losses before weighting.

    `content` is the content loss between two photographs, `style` the style loss of plain photographs,
    `saturation` the share of saturated values in the style picture.
    """

    content: float
    style: float
    saturation: float

    def state(self) -> dict[str, float]:
        """Values for a checkpoint; the keys are those of checkpoint format 1."""
        return {"unlike": self.content, "unstyled": self.style, "saturation": self.saturation}

    @classmethod
    def from_state(cls, state: Mapping[str, float]) -> ReferenceLosses:
        """Inverse of `state`."""
        return cls(content=state["unlike"], style=state["unstyled"], saturation=state["saturation"])


@dataclass(frozen=True, kw_only=True)
class StepMeasurements:
    """Measurements of one step: unweighted losses, weighted total, and statistics of the output.

    `contrast` is the mean standard deviation of a picture's pixels, `saturation` the share of values
    near 0 or 1.
    """

    content: float
    style: float
    total: float
    contrast: float
    saturation: float


class HealthMonitor:
    """Smooths the measurements of every step and compares them with the reference losses.

    Convergence is judged on means over `window` steps.
    """

    def __init__(self, reference: ReferenceLosses, *, window: int = 500) -> None:
        self.reference = reference
        self._window = window
        self.reset()

    def reset(self) -> None:
        """Forget all measurements, after a rollback to an earlier state."""
        self.steps = 0
        self.smooth: dict[str, float] = {}
        self._lowest = math.inf
        self._problem_steps: dict[str, int] = {}
        self._window_means: deque[float] = deque(maxlen=3)
        self._window_sum = 0.0

    def observe(self, step: StepMeasurements) -> Problem | None:
        """Add one step; returns a problem that has lasted long enough to act on, or None."""
        values = {
            "content": step.content,
            "style": step.style,
            "total": step.total,
            "contrast": step.contrast,
            "saturation": step.saturation,
        }
        if not all(math.isfinite(value) for value in values.values()):
            return "not_a_number"
        self.steps += 1
        share = max(1 / self.steps, 1 / _SMOOTHING_STEPS)
        for name, value in values.items():
            before = self.smooth.get(name, value)
            self.smooth[name] = before + share * (value - before)
        self._add_to_window(step.total)
        problem = self._current_problem() if self.steps > _GRACE_STEPS else None
        for name in PROBLEM_MESSAGES:
            self._problem_steps[name] = self._problem_steps.get(name, 0) + 1 if name == problem else 0
        if self.steps > _SMOOTHING_STEPS:
            self._lowest = min(self._lowest, self.smooth["total"])
        lasting = problem is not None and self._problem_steps[problem] >= _LASTING_STEPS
        return problem if lasting else None

    def _current_problem(self) -> Problem | None:
        smooth, reference = self.smooth, self.reference
        if smooth["total"] > 4 * self._lowest:
            return "diverged"
        if smooth["contrast"] < 0.015 and self.steps > 2 * _GRACE_STEPS:
            return "flat_output"
        if smooth["saturation"] > max(0.5, 1 - (1 - reference.saturation) / 3):
            return "saturated"
        if smooth["content"] > 0.9 * reference.content:
            return "content_lost"
        if self.steps > _STYLE_GRACE_STEPS and smooth["style"] > 0.95 * reference.style:
            return "no_style"
        return None

    @property
    def warmed_up(self) -> bool:
        """Whether enough steps were observed to call a state healthy."""
        return self.steps > _GRACE_STEPS

    @property
    def healthy(self) -> bool:
        """Whether no problem is suspected, so that the current state may be rolled back to later."""
        return not any(self._problem_steps.values())

    def _add_to_window(self, total: float) -> None:
        self._window_sum += total
        if self.steps % self._window == 0:
            self._window_means.append(self._window_sum / self._window)
            self._window_sum = 0.0

    @property
    def converged(self) -> bool:
        """Whether the mean loss fell by less than 1 % in each of the last two windows."""
        if len(self._window_means) < 3 or self.steps % self._window:
            return False
        first, second, third = self._window_means
        return second > 0.99 * first and third > 0.99 * second

    def state(self) -> dict[str, Any]:
        """Values for a checkpoint; the keys are those of checkpoint format 1."""
        return {
            "seen": self.steps,
            "smooth": dict(self.smooth),
            "lowest": self._lowest,
            "lasting": dict(self._problem_steps),
            "sums": list(self._window_means),
            "sum": self._window_sum,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from `state`."""
        self.steps = int(state["seen"])
        self.smooth = dict(state["smooth"])
        self._lowest = float(state["lowest"])
        self._problem_steps = dict(state["lasting"])
        self._window_means = deque(state["sums"], maxlen=3)
        self._window_sum = float(state["sum"])
