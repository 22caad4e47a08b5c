from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from support.patience import PATIENCE

from nst_core.video.pipeline import Stages, in_order


def test_items_pass_in_order_through_threads_of_their_own() -> None:
    seen: set[str] = set()

    def numbers() -> Iterator[int]:
        for number in range(50):
            seen.add(threading.current_thread().name)
            yield number

    with Stages() as stages:
        first = stages.add("first", numbers())
        second = stages.add("second", (number * 2 for number in first.items()))
        assert list(second.items()) == [number * 2 for number in range(50)]
    assert seen == {"first"}
    assert set(stages.busy()) == {"first", "second"}


def test_only_a_few_items_are_made_ahead() -> None:
    made = []

    def numbers() -> Iterator[int]:
        for number in range(1000):
            made.append(number)
            yield number

    with Stages() as stages:
        items = stages.add("first", numbers(), depth=2).items()
        assert next(items) == 0
    assert len(made) <= 5


def test_an_error_comes_out_at_the_end_of_the_chain() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    with Stages() as stages:
        first = stages.add("first", broken())
        second = stages.add("second", (number for number in first.items()))
        items = second.items()
        assert next(items) == 1
        with pytest.raises(ValueError, match="broken"):
            next(items)


def test_a_stop_ends_every_thread() -> None:
    def endless() -> Iterator[int]:
        while True:
            yield 1

    def stop() -> None:
        raise KeyboardInterrupt

    with Stages() as stages:
        first = stages.add("first", endless())
        second = stages.add("second", (number for number in first.items()))
        with pytest.raises(KeyboardInterrupt):
            list(second.items(stop))
    assert not {"first", "second"} & {thread.name for thread in threading.enumerate()}


def test_calls_run_side_by_side_and_answer_in_order() -> None:
    together = threading.Barrier(3, timeout=PATIENCE)

    def calls() -> Iterator[Callable[[], int]]:
        for number in range(9):
            made.append(number)

            def call(number: int = number) -> int:
                together.wait()  # nobody passes alone
                return number

            yield call

    made: list[int] = []
    found = in_order(calls(), 3)
    assert next(found) == 0
    assert made == [0, 1, 2]  # no more than run at a time
    assert list(found) == list(range(1, 9))


@pytest.mark.parametrize("at_once", [1, 3])
def test_a_call_that_fails_ends_the_answers(at_once: int) -> None:
    found = in_order([lambda: 1, lambda: 1 // 0, lambda: 2], at_once)
    assert next(found) == 1
    with pytest.raises(ZeroDivisionError):
        next(found)
    assert list(found) == []


def test_nothing_is_begun_after_the_answers_are_closed() -> None:
    begun = []
    found = in_order((lambda number=number: begun.append(number) for number in range(99)), 2)
    next(found)
    found.close()
    assert len(begun) <= 2
