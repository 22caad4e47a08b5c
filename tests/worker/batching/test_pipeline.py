from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from sqlalchemy.exc import OperationalError
from support.patience import PATIENCE

from worker.batching.pipeline import TURN_SECONDS, BatchPipeline, RunningBatch
from worker.drain import Drain


class Batches:
    """Batches that are claimed, read and ended when the test says so."""

    def __init__(self, count: int) -> None:
        self.waiting = list(range(1, count))
        self.started: list[int] = []
        self.read = [threading.Event() for _ in range(count)]
        self.ends: list[Future[None]] = [Future() for _ in range(count)]
        self.changed = threading.Condition()

    def claim(self) -> Any:
        return [self.waiting.pop(0)] if self.waiting else []

    def start(self, claimed: Any) -> RunningBatch:
        (number,) = claimed
        with self.changed:
            self.started.append(number)
            self.changed.notify_all()
        return RunningBatch(self.read[number], [self.ends[number]])

    def wait_started(self, count: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.started) == count, PATIENCE)


def in_thread(
    pipeline: BatchPipeline, batches: Batches
) -> tuple[threading.Thread, list[BaseException]]:
    errors: list[BaseException] = []

    def run() -> None:
        first: Any = [0]
        try:
            pipeline.run(first, batches.start)
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, errors


def ended(batches: Batches, thread: threading.Thread) -> None:
    for read, end in zip(batches.read, batches.ends, strict=True):
        read.set()
        if not end.done():
            end.set_result(None)
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_the_next_is_claimed_when_one_is_read_and_three_are_there_at_most() -> None:
    batches = Batches(5)
    thread, errors = in_thread(BatchPipeline(Drain(), batches.claim), batches)
    batches.wait_started(1)
    assert batches.waiting == [1, 2, 3, 4]  # the first is not read yet
    for number in range(3):
        batches.read[number].set()
        batches.wait_started(min(number + 2, 3))
    threading.Event().wait(0.05)
    assert (batches.started, batches.waiting) == ([0, 1, 2], [3, 4])
    batches.ends[0].set_result(None)
    batches.wait_started(4)
    ended(batches, thread)
    assert (batches.started, errors) == ([0, 1, 2, 3, 4], [])


def stops(change: Callable[[Batches], BatchPipeline]) -> tuple[list[int], list[BaseException]]:
    batches = Batches(3)
    pipeline = change(batches)
    thread, errors = in_thread(pipeline, batches)
    batches.read[0].set()
    threading.Event().wait(0.05)
    started = list(batches.started)
    ended(batches, thread)
    return started, errors


def test_a_stopping_worker_claims_no_more() -> None:
    drain = Drain()
    drain.begin()
    assert stops(lambda batches: BatchPipeline(drain, batches.claim)) == ([0], [])


def test_a_turn_ends_after_its_time() -> None:
    times = iter([0.0, TURN_SECONDS])
    assert stops(lambda batches: BatchPipeline(Drain(), batches.claim, lambda: next(times))) == (
        [0],
        [],
    )


def test_a_database_that_fails_ends_the_turn_in_peace() -> None:
    def claim() -> Any:
        raise OperationalError("claim", {}, Exception("gone"))

    assert stops(lambda batches: BatchPipeline(Drain(), claim)) == ([0], [])


def test_an_error_is_raised_when_all_have_ended() -> None:
    batches = Batches(2)
    thread, errors = in_thread(BatchPipeline(Drain(), batches.claim), batches)
    batches.read[0].set()
    batches.wait_started(2)
    batches.ends[0].set_exception(ValueError("broken"))
    batches.read[1].set()
    threading.Event().wait(0.05)
    assert thread.is_alive()
    ended(batches, thread)
    assert [str(error) for error in errors] == ["broken"]
