"""How long a network pass of several pictures takes, and how many to take for the shortest waits."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

#: Largest batch that is measured, and the length of the queue whose mean wait is the shortest.
LARGEST = 16
#: Time in seconds after which no larger batch is measured.
BUDGET_SECONDS = 1.0
#: Passes before the measured ones: the runtime chooses its kernels and records its graphs in them.
_WARM_UP, _MEASURED = 2, 3


@dataclass(frozen=True)
class PassTimes:
    """Seconds of a pass by its number of pictures."""

    seconds: dict[int, float]

    @classmethod
    def measured(
        cls, run: Callable[[int], object], clock: Callable[[], float] = time.perf_counter
    ) -> PassTimes:
        """Measure passes of 1, 2, 4, … pictures with `run`, as long as larger ones gain.

        At least that of 1 is measured, and none begins after `BUDGET_SECONDS`.
        """
        began = clock()
        times: dict[int, float] = {}
        count = 1
        while count <= LARGEST and (not times or clock() - began < BUDGET_SECONDS):
            times[count] = min(_passes(run, count, clock))
            if not cls(times)._gains(count):
                break
            count *= 2
        return cls(times)

    @property
    def batch_size(self) -> int:
        """The number of pictures in a pass with which `LARGEST` jobs end the soonest, on average.

        In a batch each job waits for all. So a batch of n is only taken if its pass takes less than
        (n + 1) / 2 passes of one: n jobs one by one end after that time, on average.
        """
        return min(filter(self._gains, self.seconds), key=self._mean_end)

    def _gains(self, count: int) -> bool:
        return count == 1 or self.seconds[count] < (count + 1) / 2 * self.seconds[1]

    def _mean_end(self, count: int) -> float:
        """Mean end of `LARGEST` jobs in batches of `count`, in seconds from the first pass on."""
        return self.seconds[count] * (LARGEST / count + 1) / 2

    def __str__(self) -> str:
        """Milliseconds for each picture, by the number of pictures in a pass."""
        return ", ".join(f"{n}: {1_000 * s / n:.2f}" for n, s in self.seconds.items())


def _passes(run: Callable[[int], object], count: int, clock: Callable[[], float]) -> list[float]:
    """The seconds of some passes of `count` pictures."""
    for _ in range(_WARM_UP):
        run(count)
    times = []
    for _ in range(_MEASURED):
        began = clock()
        run(count)
        times.append(clock() - began)
    return times
