"""Working size of a picture with `stroke`. Needs no pydantic, which `nst_core` does without."""

from __future__ import annotations

#: Longer side in pixels of a picture on which the network itself renders strokes of width 1.
REFERENCE_SIDE = 1_024


def working_side(stroke: float) -> int:
    """The working size for strokes of the relative width `stroke`: the longer side in pixels."""
    return round(REFERENCE_SIDE / stroke)
