"""Stages that overlap: each a generator in a thread of its own, with a short queue behind it."""

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


def in_order(calls: Iterable[Callable[[], T]], at_once: int) -> Iterator[T]:
    """What the calls return, in their order; up to `at_once` of them run, in threads."""
    if at_once == 1:
        for call in calls:
            yield call()
        return
    ahead: deque[Future[T]] = deque()
    with ThreadPoolExecutor(at_once, thread_name_prefix="at-once") as pool:
        try:
            for call in calls:
                ahead.append(pool.submit(call))
                if len(ahead) == at_once:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for waiting in ahead:
                waiting.cancel()


class _End:
    """Put last: what the stage ended with."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class _Nothing:
    """Nothing has come yet."""


_NOTHING = _Nothing()


class _Closed(Exception):  # noqa: N818
    """The stage behind wants no more."""


class Stage(Generic[T]):
    """Runs `source` ahead, at most `depth` items, in a thread.

    Its errors come out of the iteration. `busy_s` is the time spent inside `source`, and `waited_s` the
    time that whoever takes the items waited for them.
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
        """Begin to work."""
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
        except BaseException as error:  # it is raised again where the items are taken
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

    def items(self, watch: Callable[[], None] | None = None) -> Iterator[T]:
        """The items, in order; `watch` is called many times a second meanwhile, and may raise."""
        while True:
            began = time.perf_counter()
            item: T | _End | _Nothing = _NOTHING
            with contextlib.suppress(queue.Empty):
                item = self._queue.get(timeout=_POLL_S)
            self.waited_s += time.perf_counter() - began
            if watch is not None:
                watch()
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
        """Stop working, within an item, and wait for the end of it."""
        self._closed.set()
        if self._thread.ident is not None:
            self._thread.join()


class Stages:
    """Several stages, closed together."""

    def __init__(self) -> None:
        self._stages: list[Stage[object]] = []

    def add(self, name: str, source: Iterable[T], depth: int = 2) -> Stage[T]:
        """A new stage, at work."""
        stage = Stage(name, source, depth)
        self._stages.append(stage)  # type: ignore[arg-type]
        return stage.start()

    def busy(self) -> dict[str, float]:
        """Seconds that each stage worked, not counting those it waited for the stage before it."""
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
