"""Batches the forward passes of jobs that run in parallel threads.

Each job submits a request and waits; one thread renders all requests. Apart from the shared pass, each
job keeps its own lease, progress, cancellation and end.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nst_core.images.picture import Picture
    from nst_core.stylize.engine import Engine
    from nst_core.stylize.request import RenderReport, RenderRequest

log = logging.getLogger(__name__)

#: Longest time in seconds that a request waits for the rest of its batch.
MAX_WAIT_SECONDS = 5.0
#: Time in seconds between two checks for cancellation of a request that waits.
_POLL_SECONDS = 0.05


@dataclass(eq=False)
class _Entry:
    """The request of one job. `pictures` stays None if the job has to be rendered alone."""

    engine: Engine
    request: RenderRequest
    report: RenderReport
    taken: bool = False
    done: bool = False
    pictures: list[Picture] | None = None
    batch_size: int = 1


class RenderBatch:
    """Collects the requests of jobs, given by their ids. Thread-safe."""

    def __init__(self, job_ids: Iterable[str]) -> None:
        self._expected = set(job_ids)
        self._entries: list[_Entry] = []
        self._changed = threading.Condition()
        #: One pass at a time, because two at once could run out of memory.
        self._network = threading.Lock()

    def leave(self, job_id: str) -> None:
        """Stop waiting for this job's request."""
        with self._changed:
            self._expected.discard(job_id)
            self._changed.notify_all()

    def render(
        self,
        job_id: str,
        engine: Engine,
        request: RenderRequest,
        report: RenderReport,
        check: Callable[[], None],
    ) -> tuple[list[Picture], int]:
        """The pictures of `request`, and the number of jobs in the pass, this one included.

        Waits for the other jobs of the batch, at most `MAX_WAIT_SECONDS`. If the shared pass fails,
        each job is rendered alone, so that only the job at fault fails. `report` is filled in. Raises
        the errors of `check` and of the engine.
        """
        entry = _Entry(engine, request, report)
        entries = self._collect(job_id, entry, check)
        if entries:
            with self._network:
                _render(entries)
            with self._changed:
                for each in entries:
                    each.done = True
                self._changed.notify_all()
        else:
            self._wait(entry, check)
        if entry.pictures is not None:
            return entry.pictures, entry.batch_size
        with self._network:
            check()
            return render_alone(engine, request, report, check), 1

    def _collect(self, job_id: str, entry: _Entry, check: Callable[[], None]) -> list[_Entry]:
        """All entries, if this thread is to render them; an empty list if another thread does."""
        until = time.monotonic() + MAX_WAIT_SECONDS
        with self._changed:
            self._expected.discard(job_id)
            self._entries.append(entry)
            self._changed.notify_all()
            try:
                while not entry.taken and self._expected and time.monotonic() < until:
                    self._changed.wait(_POLL_SECONDS)
                    check()
                if entry.taken:
                    return []
                entries, self._entries = self._entries, []
                for each in entries:
                    each.taken = True
                return entries
            except BaseException:
                if not entry.taken:
                    self._entries.remove(entry)
                raise

    def _wait(self, entry: _Entry, check: Callable[[], None]) -> None:
        with self._changed:
            while not entry.done:
                self._changed.wait(_POLL_SECONDS)
                check()


def render_alone(
    engine: Engine, request: RenderRequest, report: RenderReport, check: Callable[[], None]
) -> list[Picture]:
    """The pictures of one request. `check` is called between steps, and may raise to stop."""
    return engine.render([request], on_progress=lambda *_: check(), report=report)[0]


def _render(entries: list[_Entry]) -> None:
    """One pass for the entries of each engine. After an error, each job is rendered alone instead."""
    engines = {id(entry.engine): entry.engine for entry in entries}
    for key, engine in engines.items():
        chosen = [entry for entry in entries if id(entry.engine) == key]
        if len(chosen) == 1:
            continue
        shared = chosen[0].report
        try:
            results = engine.render([entry.request for entry in chosen], report=shared)
        except Exception as error:
            log.warning("%d jobs can't be rendered together, so each alone: %r", len(chosen), error)
            continue
        for entry, pictures in zip(chosen, results, strict=True):
            entry.pictures, entry.batch_size = pictures, len(chosen)
            entry.report.runtime, entry.report.device = shared.runtime, shared.device
            entry.report.notices = list(shared.notices)
