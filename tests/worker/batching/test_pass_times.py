from __future__ import annotations

import pytest

from worker.batching.pass_times import BUDGET_SECONDS, PassTimes


class Model:
    """A device whose pass takes a fixed time, and more for each picture. Times in seconds."""

    def __init__(self, fixed: float, each: float) -> None:
        self.now, self._fixed, self._each = 0.0, fixed, each

    def run(self, count: int) -> None:
        self.now += self._fixed + self._each * count

    def measured(self) -> PassTimes:
        return PassTimes.measured(self.run, lambda: self.now)


@pytest.mark.parametrize(
    ("fixed", "each", "measured", "taken"),
    [
        (0.003, 0.0002, [1, 2, 4, 8, 16], 16),  # nearly all is launching: a card and small pictures
        (0.006, 0.004, [1, 2, 4, 8, 16], 4),  # 16 gain too, but the first of them wait for the last
        (0.0, 0.01, [1, 2], 1),  # a CPU: two take twice as long as one
        (0.0045, 0.0055, [1, 2], 1),  # 0.775 of the time for each, where less than 0.75 is needed
        (0.3, 0.001, [1], 1),  # too slow to measure more in a second
    ],
)
def test_a_batch_is_as_large_as_the_device_gains_by(
    fixed: float, each: float, measured: list[int], taken: int
) -> None:
    times = Model(fixed, each).measured()
    assert list(times.seconds) == measured
    assert times.batch_size == taken
    for count, seconds in times.seconds.items():
        assert seconds == pytest.approx(fixed + each * count)


def test_measuring_begins_no_pass_after_its_time() -> None:
    model = Model(0.06, 0.002)
    times = model.measured()
    last = max(times.seconds)
    assert model.now - 5 * times.seconds[last] < BUDGET_SECONDS
    assert last < 16


def test_the_table_for_the_log() -> None:
    assert str(PassTimes({1: 0.004, 2: 0.005})) == "1: 4.00, 2: 2.50"
