from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from nst_core.pipeline import Stages


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

    before = threading.active_count()
    with Stages() as stages:
        first = stages.add("first", endless())
        second = stages.add("second", (number for number in first.items()))
        with pytest.raises(KeyboardInterrupt):
            list(second.items(stop))
    assert threading.active_count() == before
