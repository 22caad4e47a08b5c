"""The trainer process: requests that reach it, its end, and what becomes of its job."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from sqlalchemy import func, select, update
from support.patience import PATIENCE
from support.tests_support import take_back

from jobs.db.engine import reading
from jobs.db.models.jobs import Job
from jobs.db.models.operations import OutboxMessage
from jobs.queue import lifecycle
from jobs.queue.lifecycle import JobStatus
from jobs.service import JobService
from worker import execution
from worker.context import WorkerContext


@pytest.fixture
def working(context: WorkerContext) -> Iterator[Callable[[], threading.Thread]]:
    """Starts a worker's run in a thread."""
    threads = []

    def start() -> threading.Thread:
        thread = threading.Thread(target=execution.run_next, args=(context, "train", "w"))
        thread.start()
        threads.append(thread)
        return thread

    yield start
    context.drain.begin()  # what a failed test leaves running would run for ever
    for thread in threads:
        thread.join(PATIENCE)


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.05)


def trainer() -> psutil.Process | None:
    """The training process of this test run."""
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # one that has just ended
            if "fake_trainer.py" in " ".join(child.cmdline()):
                return child
    return None


def step_of(service: JobService, job_id: str) -> int:
    progress = service.get(job_id).progress or {}
    return int(progress.get("step", 0)) if progress.get("stage") == "train" else 0


def test_a_cancel_kills_the_process(
    service: JobService,
    submit: Callable[..., str],
    working: Callable[[], threading.Thread],
    context: WorkerContext,
) -> None:
    job_id = submit(max_steps="100000")
    thread = working()
    until(lambda: step_of(service, job_id) >= 1)
    process = trainer()
    assert process is not None

    service.cancel(job_id)
    thread.join(PATIENCE)  # without the cancel, it would take four times as long

    assert not thread.is_alive()
    assert service.get(job_id).status == JobStatus.CANCELED
    assert not process.is_running()
    assert service.networks.all() == []


def test_paused_and_resumed(
    context: WorkerContext,
    service: JobService,
    submit: Callable[..., str],
    working: Callable[[], threading.Thread],
) -> None:
    job_id = submit(max_steps="100000")
    thread = working()
    until(lambda: step_of(service, job_id) >= 2)
    service.trainings.pause(job_id)
    thread.join(PATIENCE)

    job = service.get(job_id)
    assert (job.status, job.attempt) == (JobStatus.QUEUED, 0)
    assert job.paused_at is not None
    assert job.checkpoint_step is not None
    assert job.checkpoint_step >= 2
    assert execution.run_next(context, "train", "w") is None  # it is nobody's to take

    service.trainings.resume(job_id)
    thread = working()
    before = job.checkpoint_step
    until(lambda: step_of(service, job_id) > before)
    service.trainings.finish(job_id)
    thread.join(PATIENCE)

    job = service.get(job_id)
    assert job.status == JobStatus.SUCCEEDED, job.error
    assert job.metrics is not None
    assert job.metrics["reason"] == "asked"
    steps = [loss.step for loss in service.trainings.losses(job_id)]
    assert steps == sorted(set(steps))
    assert steps[-1] > before


def test_a_drain_saves_a_checkpoint_and_spends_no_attempt(
    context: WorkerContext,
    service: JobService,
    submit: Callable[..., str],
    working: Callable[[], threading.Thread],
) -> None:
    job_id = submit(max_steps="100000")
    thread = working()
    until(lambda: step_of(service, job_id) >= 2)
    context.drain.begin()
    thread.join(PATIENCE)

    job = service.get(job_id)
    assert (job.status, job.attempt, job.paused_at) == (JobStatus.QUEUED, 0, None)
    assert job.checkpoint_step is not None
    with reading(service.sessions) as session:
        assert session.scalar(
            select(func.count()).select_from(OutboxMessage).where(OutboxMessage.job_id == job_id)
        )


def test_a_killed_process_goes_on_from_its_checkpoint(
    context: WorkerContext,
    service: JobService,
    submit: Callable[..., str],
    working: Callable[[], threading.Thread],
) -> None:
    job_id = submit(max_steps="100000", checkpoint_interval="2")
    thread = working()
    until(lambda: service.get(job_id).checkpoint_step)
    process = trainer()
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    thread.join(PATIENCE)

    job = service.get(job_id)
    assert job.status == JobStatus.QUEUED
    assert job.attempts_left == job.max_attempts - 1
    reached = job.checkpoint_step
    assert reached is not None
    # As on another machine: nothing is left here but what storage holds.
    for path in (context.settings.home / "trainings" / job_id / "checkpoints").glob("*.pt"):
        path.unlink()
    with service.sessions.begin() as session:
        session.execute(update(Job).values(run_at=Job.created_at))
    thread = working()
    until(lambda: step_of(service, job_id) > reached)
    events = service.events(job_id, limit=10_000)
    began = max(event.seq for event in events if event.data.get("status") == JobStatus.RUNNING)
    steps = [
        event.data["progress"]["step"]
        for event in events
        if event.seq > began and event.data.get("progress", {}).get("stage") == "train"
    ]
    assert min(steps) > reached  # it did not begin anew
    until(lambda: (service.get(job_id).checkpoint_step or 0) > reached)
    assert service.get(job_id).attempts_left == service.get(job_id).max_attempts - 1
    service.cancel(job_id)
    thread.join(PATIENCE)


def test_a_run_that_lost_its_lease_kills_its_process_and_writes_nothing(
    context: WorkerContext,
    service: JobService,
    submit: Callable[..., str],
    working: Callable[[], threading.Thread],
) -> None:
    job_id = submit(max_steps="100000")
    thread = working()
    until(lambda: step_of(service, job_id) >= 1)
    process = trainer()
    assert process is not None

    take_back(service.sessions, job_id)
    with service.sessions.begin() as session:
        assert lifecycle.claim(session, "train", "another", 600, only=job_id) is not None
    losses = len(service.trainings.losses(job_id))
    thread.join(PATIENCE)

    assert not thread.is_alive()
    assert not process.is_running()
    job = service.get(job_id)
    assert (job.status, job.lease_owner) == (JobStatus.RUNNING, "another")
    assert len(service.trainings.losses(job_id)) == losses


def test_a_trainer_that_crashes_is_tried_again(
    context: WorkerContext,
    service: JobService,
    submit: Callable[..., str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    job_id = submit()
    folder = context.settings.home / "trainings" / job_id
    folder.mkdir(parents=True)
    (folder / "crash").touch()
    execution.run_next(context, "train", "w")

    job = service.get(job_id)
    assert job.status == JobStatus.QUEUED
    assert job.attempts_left == job.max_attempts - 1
    assert "a defect" in caplog.text  # the log has the output of the trainer


@pytest.mark.parametrize("request_", ["finish", "pause"])
def test_a_request_waits_for_a_trainer_that_is_still_starting(
    context: WorkerContext,
    service: JobService,
    submit: Callable[..., str],
    working: Callable[[], threading.Thread],
    request_: str,
) -> None:
    """Its signal would end a process that has no handler for it yet."""
    job_id = submit(max_steps="100000")
    starting = context.settings.home / "trainings" / job_id / "starting"
    starting.parent.mkdir(parents=True)
    starting.touch()
    thread = working()
    until(trainer)
    process = trainer()
    assert process is not None
    getattr(service.trainings, request_)(job_id)
    until(lambda: pending_signals(process.pid))
    starting.unlink()
    thread.join(PATIENCE)

    job = service.get(job_id)
    if request_ == "pause":
        assert (job.status, job.attempt) == (JobStatus.QUEUED, 0)
        assert job.paused_at is not None
    else:
        assert (job.status, job.attempt) == (JobStatus.SUCCEEDED, 1), job.error
        assert job.metrics is not None
        assert job.metrics["reason"] == "asked"


def pending_signals(pid: int) -> int:
    """The signals that a process has not received yet, as a bit mask."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"^ShdPnd:\s*(\w+)$", status, re.MULTILINE)[0], 16)
