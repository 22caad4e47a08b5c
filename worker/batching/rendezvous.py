"""Batches the forward passes of jobs that run in parallel threads.

Each job submits a request and waits; one thread does the passes of all requests. Apart from the shared
pass, each job keeps its own lease, progress, cancellation and end, and reads, resizes, composes and
encodes its own pictures, in its own thread.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from worker.batching.device import Device
from worker.batching.render_task import RenderTask

if TYPE_CHECKING:
    from nst_core.images.picture import Picture
    from nst_core.stylize.batching import Prepared
    from nst_core.stylize.engine import Finish

log = logging.getLogger(__name__)

#: Longest time in seconds that a request waits for the rest of its batch.
MAX_WAIT_SECONDS = 5.0
#: Time in seconds between two checks for cancellation of a request that waits.
_POLL_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """The pictures of a job, the number of jobs in its pass, and how long the device waited for it."""

    pictures: list[Picture]
    together: int
    device_wait_s: float


@dataclass(eq=False)
class _Entry:
    """The request of one job. `finish` stays None if the job has to be rendered alone."""

    task: RenderTask
    prepared: Prepared
    taken: bool = False
    done: bool = False
    finish: Finish | None = None
    batch_size: int = 1
    device_wait_s: float = 0.0


class RenderBatch:
    """Collects the requests of jobs, given by their ids. Thread-safe.

    `read` is set when no more requests are expected: the photos of the batch are read and resized.
    """

    def __init__(self, job_ids: Iterable[str], device: Device) -> None:
        self.read = threading.Event()
        self._expected = set(job_ids)
        self._device = device
        self._entries: list[_Entry] = []
        self._changed = threading.Condition()

    def leave(self, job_id: str) -> None:
        """Stop waiting for this job's request."""
        with self._changed:
            self._arrived(job_id)

    def render(self, job_id: str, task: RenderTask) -> Rendered:
        """Render a job's task together with those of the other jobs.

        Waits for the other jobs of the batch, at most `MAX_WAIT_SECONDS`. If the shared pass fails,
        each job is rendered alone, so that only the job at fault fails. Raises the errors of
        `task.check` and of the engine.
        """
        entry = _Entry(task, prepared(task))
        entries = self._collect(job_id, entry)
        if len(entries) > 1:
            self._render_together(entries, task.check)
        elif not entries:
            self._wait(entry)
        if entry.finish is None:
            with self._device.taken(task.since, task.check) as entry.device_wait_s:
                task.check()
                entry.finish = passed_alone(task, entry.prepared)
        return Rendered(
            pictures=entry.finish(), together=entry.batch_size, device_wait_s=entry.device_wait_s
        )

    def _render_together(self, entries: list[_Entry], check: Callable[[], None]) -> None:
        since = min(entry.task.since for entry in entries)
        try:
            with self._device.taken(since, check) as waited:
                for each in entries:
                    each.device_wait_s = waited
                _render(entries)
        finally:
            with self._changed:
                for each in entries:
                    each.done = True
                self._changed.notify_all()

    def _collect(self, job_id: str, entry: _Entry) -> list[_Entry]:
        """All entries, if this thread is to render them; an empty list if another thread does."""
        until = time.monotonic() + MAX_WAIT_SECONDS
        with self._changed:
            self._entries.append(entry)
            self._arrived(job_id)
            try:
                while not entry.taken and self._expected and time.monotonic() < until:
                    self._changed.wait(_POLL_SECONDS)
                    entry.task.check()
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

    def _arrived(self, job_id: str) -> None:
        self._expected.discard(job_id)
        if not self._expected:
            self.read.set()
        self._changed.notify_all()

    def _wait(self, entry: _Entry) -> None:
        with self._changed:
            while not entry.done:
                self._changed.wait(_POLL_SECONDS)
                entry.task.check()


def render_alone(device: Device, task: RenderTask) -> Rendered:
    """Render a job's task outside of any batch. Raises the errors of `task.check` and of the engine."""
    ready = prepared(task)
    task.check()
    with device.taken(task.since, task.check) as waited:
        finish = passed_alone(task, ready)
    return Rendered(pictures=finish(), together=1, device_wait_s=waited)


def prepared(task: RenderTask) -> Prepared:
    """The request of a task, checked, with its resized photo."""
    task.engine.check(task.request)
    return task.engine.prepared(task.request)


def passed_alone(task: RenderTask, ready: Prepared) -> Finish:
    """The passes of one task, whose request is `ready`."""
    ((_, finish),) = task.engine.passes(
        [ready], on_progress=lambda *_: task.check(), report=task.report
    )
    return finish


def _render(entries: list[_Entry]) -> None:
    """One pass for the entries of each engine. After an error, each job is rendered alone instead."""
    engines = {id(entry.task.engine): entry.task.engine for entry in entries}
    for key, engine in engines.items():
        chosen = [entry for entry in entries if id(entry.task.engine) == key]
        if len(chosen) == 1:
            continue
        shared = chosen[0].task.report
        try:
            passes = dict(engine.passes([entry.prepared for entry in chosen], report=shared))
        except Exception as error:
            log.warning("%d jobs can't be rendered together, so each alone: %r", len(chosen), error)
            continue
        for index, entry in enumerate(chosen):
            entry.finish, entry.batch_size = passes[index], len(chosen)
            report = entry.task.report
            report.runtime, report.device = shared.runtime, shared.device
            report.notices = list(shared.notices)
