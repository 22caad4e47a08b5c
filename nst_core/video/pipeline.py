"""Pipeline stages: each runs a generator in its own thread, behind a bounded queue."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")
_POLL_S = 0.05


def in_order(calls: Iterable[Callable[[], T]], max_workers: int) -> Iterator[T]:
    """Results of `calls` in order; up to `max_workers` calls run at a time, in threads."""
    if max_workers == 1:
        for call in calls:
            yield call()
        return
    ahead: deque[Future[T]] = deque()
    with ThreadPoolExecutor(max_workers, thread_name_prefix="at-once") as pool:
        try:
            for call in calls:
                ahead.append(pool.submit(call))
                if len(ahead) == max_workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for waiting in ahead:
                waiting.cancel()


class _End:
    """Last item of a queue: the error that ended the stage, or None."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class _Nothing:
    """Marks that the queue was empty."""


_NOTHING = _Nothing()


class _Closed(Exception):  # noqa: N818
    """The consumer closed the stage."""


class Stage(Generic[T]):
    """Runs `source` in a thread, at most `depth` items ahead of the consumer.

    Errors of `source` are raised again by `items`. `busy_s` is the time spent inside `source`,
    `waited_s` the time that the consumer waited for items; both in seconds.
    """

    def __init__(self, name: str, source: Iterable[T], depth: int = 2) -> None:
        self.name = name
        self.busy_s = 0.0
        self.waited_s = 0.0
        self._queue: queue.Queue[T | _End] = queue.Queue(depth)
        self._closed = threading.Event()
        self._source = source
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> Stage[T]:
        """Start the thread."""
        self._thread.start()
        return self

    def _run(self) -> None:
        end = _End(None)
        items = iter(self._source)
        try:
            while True:
                began = time.perf_counter()
                try:
                    item = next(items)
                except StopIteration:
                    break
                finally:
                    self.busy_s += time.perf_counter() - began
                self._put(item)
        except _Closed:
            pass
        except BaseException as error:  # raised again by `items`
            end = _End(error)
        finally:
            close: Callable[[], None] | None = getattr(items, "close", None)
            if close is not None:
                close()
        with contextlib.suppress(_Closed):
            self._put(end)

    def _put(self, item: T | _End) -> None:
        while not self._closed.is_set():
            try:
                self._queue.put(item, timeout=_POLL_S)
            except queue.Full:
                continue
            return
        raise _Closed

    def items(self, check: Callable[[], None] | None = None) -> Iterator[T]:
        """The items in order.

        `check` is called many times a second meanwhile, and may raise to stop.
        """
        while True:
            began = time.perf_counter()
            item: T | _End | _Nothing = _NOTHING
            with contextlib.suppress(queue.Empty):
                item = self._queue.get(timeout=_POLL_S)
            self.waited_s += time.perf_counter() - began
            if check is not None:
                check()
            if self._closed.is_set():
                raise _Closed
            if isinstance(item, _Nothing):
                continue
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item

    def close(self) -> None:
        """Stop after the current item and join the thread."""
        self._closed.set()
        if self._thread.ident is not None:
            self._thread.join()


class Stages:
    """Stages of one pipeline, closed together."""

    def __init__(self) -> None:
        self._stages: list[Stage[object]] = []

    def add(self, name: str, source: Iterable[T], depth: int = 2) -> Stage[T]:
        """Add and start a stage."""
        stage = Stage(name, source, depth)
        self._stages.append(stage)  # type: ignore[arg-type]
        return stage.start()

    def busy(self) -> dict[str, float]:
        """Seconds that each stage worked, without the time it waited for the previous stage."""
        found = {}
        for before, stage in zip([None, *self._stages], self._stages, strict=False):
            waited = before.waited_s if before is not None else 0.0
            found[stage.name] = max(0.0, stage.busy_s - waited)
        return found

    def __enter__(self) -> Stages:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for stage in self._stages:
            stage._closed.set()
        for stage in reversed(self._stages):
            stage.close()
