"""How a written file is run, whatever its runtime."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Arrays = list[npt.NDArray[np.float32]]
#: Runs a written file: inputs in the module's order → outputs in the module's order.
Run = Callable[[Arrays], Arrays]
