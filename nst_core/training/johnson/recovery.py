"""What is done about trouble: back to a good state, with a lower rate or another weight."""

from __future__ import annotations

from collections import deque
from typing import Any

from nst_core.training.health import SAYINGS, Trouble
from nst_core.training.johnson.state import TrainingState

#: How often a training is put back before it is given up.
RESCUES = 3


class Rescuer:
    """Keeps the last two good states in memory. Trouble is seen late, so it goes back to the older."""

    def __init__(self, state: TrainingState) -> None:
        self._state = state
        self._good: deque[dict[str, Any]] = deque(maxlen=2)
        self.used = 0

    def remember(self) -> None:
        """The state is a good one."""
        self._good.append(self._state.snapshot())

    def rescue(self, trouble: Trouble, balanced: float) -> str | None:
        """Go back and change what is to blame; says in a sentence what was done, None if it gives up.

        `balanced` is the style weight that would suit this style.
        """
        if self.used >= RESCUES:
            return None
        self.used += 1
        state, step = self._state, self._state.step
        rate, weight = state.rate, state.style_weight
        good = self._good[0]
        state.restore(good)
        state.rate, state.style_weight = rate, weight
        done = self._mend(trouble, balanced)
        # The copy must carry what was mended, or going back once more would undo it.
        good["rate"], good["style_weight"] = state.rate, state.style_weight
        self._good.clear()
        self._good.append(good)
        return (
            f"{SAYINGS[trouble]} (step {step}). Back at step {state.step} with {done}; "
            f"attempt {self.used} of {RESCUES}."
        )

    def _mend(self, trouble: Trouble, balanced: float) -> str:
        state = self._state
        if trouble in ("not_a_number", "diverged", "flat_output"):
            state.rate *= 0.3
            return f"the learning rate at {state.config.lr * state.rate:.2g}"
        if trouble == "no_style":
            state.style_weight = max(balanced, state.style_weight * 10)
        else:
            state.style_weight = min(balanced, state.style_weight / 4)
        return f"a style weight of {state.style_weight:.2g}"


def given_up(trouble: Trouble) -> str:
    """Why, and what a person can try."""
    if trouble in ("content_lost", "saturated"):
        advice = "Try a lower --strength or --style-weight, or leave the weight out."
    elif trouble == "no_style":
        advice = "Try a higher --strength, or a style with more structure."
    else:
        advice = "Try a lower --lr."
    return f"{SAYINGS[trouble]}, after {RESCUES} attempts to mend it. {advice}"
