"""Automatic recovery of a training: rollback to a healthy state with a lower rate or another weight."""

from __future__ import annotations

from collections import deque
from typing import Any

from nst_core.training.health import PROBLEM_MESSAGES, Problem
from nst_core.training.johnson.state import TrainingState

#: Rollbacks of a training before it is given up.
MAX_ROLLBACKS = 3


class Recovery:
    """Keeps the last two healthy states in memory and rolls back to the older one.

    The older one, because a problem is noticed some steps after it began.
    """

    def __init__(self, state: TrainingState) -> None:
        self._state = state
        self._healthy: deque[dict[str, Any]] = deque(maxlen=2)
        self.rollbacks = 0

    def remember(self) -> None:
        """Store a copy of the current state as a healthy one."""
        self._healthy.append(self._state.snapshot())

    def roll_back(self, problem: Problem, balanced: float) -> str | None:
        """Roll back and change the setting that caused `problem`.

        `balanced` is the style weight that balances this style. Returns a message on what was done, or
        None if there were too many rollbacks already.
        """
        if self.rollbacks >= MAX_ROLLBACKS:
            return None
        self.rollbacks += 1
        state, step = self._state, self._state.step
        rate, weight = state.rate, state.style_weight
        healthy = self._healthy[0]
        state.restore(healthy)
        state.rate, state.style_weight = rate, weight
        change = self._correct(problem, balanced)
        # The copy gets the correction too, or the next rollback would undo it.
        healthy["rate"], healthy["style_weight"] = state.rate, state.style_weight
        self._healthy.clear()
        self._healthy.append(healthy)
        return (
            f"{PROBLEM_MESSAGES[problem]} (step {step}). Back at step {state.step} with {change}; "
            f"attempt {self.rollbacks} of {MAX_ROLLBACKS}."
        )

    def _correct(self, problem: Problem, balanced: float) -> str:
        state = self._state
        if problem in ("not_a_number", "diverged", "flat_output"):
            state.rate *= 0.3
            return f"the learning rate at {state.config.lr * state.rate:.2g}"
        if problem == "no_style":
            state.style_weight = max(balanced, state.style_weight * 10)
        else:
            state.style_weight = min(balanced, state.style_weight / 4)
        return f"a style weight of {state.style_weight:.2g}"


def failure_message(problem: Problem) -> str:
    """Message of a training that failed with `problem`, with advice."""
    if problem in ("content_lost", "saturated"):
        advice = "Try a lower --strength or --style-weight, or leave the weight out."
    elif problem == "no_style":
        advice = "Try a higher --strength, or a style with more structure."
    else:
        advice = "Try a lower --lr."
    return f"{PROBLEM_MESSAGES[problem]}, after {MAX_ROLLBACKS} rollbacks. {advice}"
