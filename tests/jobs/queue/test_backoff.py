from __future__ import annotations

import pytest

from jobs.queue.backoff import MAX_DELAY_SECONDS, retry_delay


@pytest.mark.parametrize(("attempt", "longest"), [(1, 5), (2, 10), (3, 20), (6, 160)])
def test_the_wait_doubles_and_half_of_it_is_drawn_by_lot(attempt: int, longest: float) -> None:
    waits = [retry_delay(attempt, 5) for _ in range(500)]

    assert longest / 2 <= min(waits) < longest * 0.55
    assert longest * 0.95 < max(waits) <= longest


def test_no_wait_is_longer_than_the_longest() -> None:
    assert MAX_DELAY_SECONDS / 2 <= retry_delay(10_000, 5) <= MAX_DELAY_SECONDS


def test_no_base_is_no_wait() -> None:
    assert retry_delay(3, 0) == 0
