"""Jobs of one shape rendered in one pass, each with a life of its own."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import select
from support.patience import PATIENCE
from support.submitting import submit_job
from support.tests_support import expire_lease

from jobs.db.models.jobs import Job, JobEvent
from jobs.media.pictures import Upload
from jobs.queue import lifecycle
from jobs.queue.lifecycle import JobStatus
from jobs.service import JobService
from jobs.settings import Settings
from nst_core.stylize.style_engine import StyleEngine
from worker import execution
from worker.batching import rendezvous
from worker.context import WorkerContext
from worker.kinds import stylize

Submit = Callable[..., str]


@pytest.fixture(autouse=True)
def patient_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch waits for its slowest job, on however busy a machine."""
    monkeypatch.setattr(rendezvous, "MAX_WAIT_SECONDS", PATIENCE)


@pytest.fixture
def batching(worker_settings: Settings) -> Iterator[WorkerContext]:
    """A worker on a CPU that is told to render up to four in one pass."""
    settings = worker_settings.model_copy(update={"render_batch": 4})
    context = WorkerContext(settings)
    context.warm_up()
    yield context
    context.close()


@pytest.fixture
def context(batching: WorkerContext) -> WorkerContext:
    return batching


@pytest.fixture
def submit(service: JobService, picture: Callable[..., bytes]) -> Submit:
    seeds = iter(range(1000))

    def make(width: int = 48, height: int = 32, owner: str | None = None, **params: Any) -> str:
        own = service if owner is None else service.for_owner(owner)
        content = picture(width, height, seed=next(seeds))
        job = submit_job(
            own,
            "stylize",
            {"alpha": 1.0, **params},
            content=Upload(data=content, field="content", name="content"),
            style=Upload(data=picture(seed=1001), field="style", name="style"),
        )
        return job.id

    return make


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many jobs went through the network together each time."""
    seen: list[int] = []
    real = StyleEngine.passes

    def watched(self: StyleEngine, prepared: Any, **listeners: Any) -> Any:
        if len(prepared) > 1:
            seen.append(len(prepared))
        return real(self, prepared, **listeners)

    monkeypatch.setattr(StyleEngine, "passes", watched)
    return seen


def run(context: WorkerContext, owner: str = "w1") -> lifecycle.Run | None:
    return execution.run_next(context, "stylize", owner)


def drain(context: WorkerContext) -> None:
    while run(context) is not None:
        pass


def pixels(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def history(context: WorkerContext, job_id: str) -> list[str]:
    with context.sessions() as session:
        asked = select(JobEvent).where(JobEvent.job_id == job_id, JobEvent.type == "state")
        return [event.data["status"] for event in session.scalars(asked.order_by(JobEvent.seq))]


def states(service: JobService, jobs: list[str]) -> list[tuple[str, int]]:
    return [(job.status, job.attempt) for job in (service.get(job_id) for job_id in jobs)]


ONCE = ["queued", "running", "succeeded"]
DONE = (JobStatus.SUCCEEDED, 1)


class Quiet:
    """A lease that nothing happens to."""

    def check(self) -> None: ...

    def report(self, *_: object) -> None: ...


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[threading.Event, threading.Event]]:
    """Holds the pass of several until it may go on: (it has begun, it may go on)."""
    begun, go_on = threading.Event(), threading.Event()
    real = StyleEngine.passes

    def held(self: StyleEngine, prepared: Any, **listeners: Any) -> Any:
        if len(prepared) > 1:
            begun.set()
            assert go_on.wait(PATIENCE)
        return real(self, prepared, **listeners)

    monkeypatch.setattr(StyleEngine, "passes", held)
    yield begun, go_on
    go_on.set()


@pytest.fixture
def running(batching: WorkerContext, gate: Any) -> Iterator[Callable[[], None]]:
    """Starts a worker's turn and waits for the pass to begin; called again, for the turn to end."""
    thread = threading.Thread(target=run, args=(batching,))

    def step() -> None:
        if thread.ident is None:
            thread.start()
            assert gate[0].wait(PATIENCE)
            return
        gate[1].set()
        thread.join(PATIENCE)
        assert not thread.is_alive()

    yield step
    gate[1].set()
    thread.join(PATIENCE)


def test_what_is_rendered_together_is_what_is_rendered_alone(
    batching: WorkerContext, service: JobService, submit: Submit, passes: list[int]
) -> None:
    jobs = [submit(), submit(alpha=0.4), submit(color="luminance"), submit(format="webp")]
    assert run(batching) is not None

    assert passes == [4]
    assert states(service, jobs) == [DONE] * 4
    assert [(service.get(job).metrics or {})["rendered_together"] for job in jobs] == [4] * 4
    assert all(history(batching, job) == ONCE for job in jobs)
    for job in jobs[:3]:
        alone = stylize.stylize(batching, service.get(job), Quiet())  # type: ignore[arg-type]
        far = pixels(service.output(job)[1]) - pixels(alone.outputs[0].data)
        assert np.abs(far).max() <= 1
    assert len({service.output(job)[1] for job in jobs}) == 4
    assert passes == [4]


def test_a_cpu_renders_one_by_one_unless_it_is_told_otherwise(
    batching: WorkerContext, service: JobService, submit: Submit, passes: list[int]
) -> None:
    batching.settings = batching.settings.model_copy(update={"render_batch": 0, "device": "cpu"})
    jobs = [submit(), submit()]
    run(batching)
    assert states(service, jobs) == [DONE, (JobStatus.QUEUED, 0)]
    assert passes == []


def test_strips_and_strokes_go_together_too(
    batching: WorkerContext, service: JobService, submit: Submit, passes: list[int]
) -> None:
    jobs = [submit(alphas=[0, 0.5, 1], stroke=8, size=40) for _ in range(2)]
    run(batching)
    assert passes == [2]
    assert [len(service.get(job).outputs) for job in jobs] == [3, 3]


@pytest.mark.parametrize(
    "other", [{"width": 50}, {"size": 32}, {"alphas": [0.5, 1]}, {"stroke": 8}, {"alpha": 0}]
)
def test_only_jobs_of_one_shape_go_together(
    batching: WorkerContext, service: JobService, submit: Submit, other: dict[str, Any]
) -> None:
    jobs = [submit(), submit(), submit(**other), submit()]
    run(batching)
    # The fourth is of the shape, and the third is before it.
    assert states(service, jobs) == [DONE, DONE, (JobStatus.QUEUED, 0), (JobStatus.QUEUED, 0)]


def test_owners_take_turns_inside_a_batch_and_nobody_is_overtaken(
    batching: WorkerContext, service: JobService, submit: Submit
) -> None:
    ann = [submit(owner="ann") for _ in range(4)]
    bob = [submit(owner="bob"), submit(owner="bob", size=32), submit(owner="bob")]

    run(batching)
    every = service.for_owner("ann"), service.for_owner("bob")
    assert states(every[0], ann) == [DONE, DONE, (JobStatus.QUEUED, 0), (JobStatus.QUEUED, 0)]
    # Bob's second is of another shape, and next in turn: Ann's third waits for it.
    assert states(every[1], bob) == [DONE, (JobStatus.QUEUED, 0), (JobStatus.QUEUED, 0)]

    run(batching)
    assert states(every[1], bob)[1] == DONE
    assert states(every[0], ann)[2] == (JobStatus.QUEUED, 0)


def test_an_owner_has_no_more_jobs_running_than_allowed(
    batching: WorkerContext, service: JobService, submit: Submit, passes: list[int]
) -> None:
    batching.settings = batching.settings.model_copy(update={"max_running_per_owner": 2})
    for _ in range(4):
        submit()
    run(batching)
    assert passes == [2]


def test_one_that_is_canceled_does_not_disturb_the_others(
    batching: WorkerContext, service: JobService, submit: Submit, running: Callable[[], None]
) -> None:
    jobs = [submit() for _ in range(4)]
    running()
    service.cancel(jobs[2])
    seen = service.get(jobs[2]).lease_expires_at
    while service.get(jobs[2]).lease_expires_at == seen:  # until the next heartbeat, or the end
        threading.Event().wait(0.02)
    running()

    assert [status for status, _ in states(service, jobs)] == [
        JobStatus.CANCELED if number == 2 else JobStatus.SUCCEEDED for number in range(4)
    ]
    assert service.get(jobs[2]).outputs == []


def test_one_whose_lease_is_lost_is_discarded_and_the_others_are_not(
    batching: WorkerContext, service: JobService, submit: Submit, running: Callable[[], None]
) -> None:
    jobs = [submit() for _ in range(3)]
    running()
    with service.sessions.begin() as session:
        session.get_one(Job, jobs[1]).lease_owner = "another"
    running()

    assert states(service, [jobs[0], jobs[2]]) == [DONE, DONE]
    lost = service.get(jobs[1])
    assert (lost.status, lost.lease_owner, lost.outputs) == (JobStatus.RUNNING, "another", [])


def forget_pixels(context: WorkerContext) -> None:
    """Delete the pixels that the submits left for the worker, which then has to read the photos."""
    shutil.rmtree(context.settings.home / "decoded")


def test_one_with_a_broken_picture_fails_alone(
    batching: WorkerContext, service: JobService, submit: Submit, passes: list[int]
) -> None:
    jobs = [submit() for _ in range(4)]
    forget_pixels(batching)
    batching.storage.delete(service.get(jobs[1]).inputs[0].sha256)
    run(batching)

    assert states(service, jobs) == [DONE, (JobStatus.FAILED, 1), DONE, DONE]
    assert passes == [3]


def test_a_pass_that_fails_is_done_singly_and_the_culprit_alone_pays(
    batching: WorkerContext, service: JobService, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [submit(), submit(alpha=0.77), submit()]
    real = StyleEngine.passes

    def passes(self: StyleEngine, prepared: Any, **listeners: Any) -> Any:
        if any(one.request.alphas == [0.77] for one in prepared):
            raise RuntimeError("the card fell over")
        return real(self, prepared, **listeners)

    monkeypatch.setattr(StyleEngine, "passes", passes)
    run(batching)
    assert states(service, jobs) == [DONE, (JobStatus.QUEUED, 1), DONE]

    after = [submit(), submit()]
    run(batching)  # what failed once is tried again by itself
    assert states(service, [jobs[1], *after]) == [(JobStatus.QUEUED, 2), *[(JobStatus.QUEUED, 0)] * 2]


def test_a_stopping_worker_gives_every_job_back(
    batching: WorkerContext, service: JobService, submit: Submit, running: Callable[[], None]
) -> None:
    batching.settings = batching.settings.model_copy(update={"drain_seconds": 0.0})
    jobs = [submit() for _ in range(3)]
    running()
    batching.drain.begin()
    running()
    assert states(service, jobs) == [(JobStatus.QUEUED, 0)] * 3


def test_a_stopping_worker_takes_nothing_along(
    batching: WorkerContext, service: JobService, submit: Submit
) -> None:
    jobs = [submit() for _ in range(3)]
    batching.drain.begin()
    run(batching)
    assert states(service, jobs) == [DONE, (JobStatus.QUEUED, 0), (JobStatus.QUEUED, 0)]


def test_who_is_late_is_not_waited_for_for_ever(
    batching: WorkerContext,
    service: JobService,
    submit: Submit,
    passes: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arrived: list[str] = []
    arrive = rendezvous.RenderBatch._arrived

    def noted(self: rendezvous.RenderBatch, job_id: str) -> None:
        arrived.append(job_id)
        arrive(self, job_id)

    def clock() -> float:
        """Stands still until two of three are there, and then is past the longest wait."""
        return 0.0 if len(arrived) < 2 else PATIENCE + 1.0

    monkeypatch.setattr(rendezvous.RenderBatch, "_arrived", noted)
    monkeypatch.setattr(rendezvous, "time", SimpleNamespace(monotonic=clock))
    jobs = [submit() for _ in range(3)]
    forget_pixels(batching)
    slow = service.get(jobs[0]).inputs[0].sha256
    real, others_done = batching.storage.get, threading.Event()

    def get(sha256: str) -> bytes:
        if sha256 == slow:
            assert others_done.wait(PATIENCE)
        return real(sha256)

    monkeypatch.setattr(batching.storage, "get", get)
    thread = threading.Thread(target=run, args=(batching,))
    thread.start()
    while states(service, jobs[1:]) != [DONE, DONE]:
        assert thread.is_alive()
        threading.Event().wait(0.02)
    others_done.set()
    thread.join(PATIENCE)

    assert states(service, jobs) == [DONE] * 3
    assert passes == [2]


@pytest.fixture
def ahead(worker_settings: Settings) -> Iterator[WorkerContext]:
    """A worker on a CPU that renders two in one pass, and claims ahead as with a graphics card."""
    context = WorkerContext(worker_settings.model_copy(update={"render_batch": 2}), claims_ahead=True)
    context.warm_up()
    yield context
    context.close()


def wait_until(done: Callable[[], bool]) -> None:
    for _ in range(int(PATIENCE / 0.02)):
        if done():
            return
        threading.Event().wait(0.02)
    raise AssertionError("it did not come to that")


def test_the_next_batches_are_read_while_one_is_on_the_device(
    ahead: WorkerContext, service: JobService, submit: Submit, gate: Any, passes: list[int]
) -> None:
    jobs = [submit() for _ in range(8)]
    thread = threading.Thread(target=run, args=(ahead,))
    thread.start()
    assert gate[0].wait(PATIENCE)
    running, queued = (JobStatus.RUNNING, 1), (JobStatus.QUEUED, 0)
    wait_until(lambda: states(service, jobs) == [running] * 6 + [queued] * 2)
    service.cancel(jobs[2])  # read already, and waiting for the device
    wait_until(lambda: states(service, jobs)[2] == (JobStatus.CANCELED, 1))
    gate[1].set()
    thread.join(PATIENCE)
    assert not thread.is_alive()

    others = [job for number, job in enumerate(jobs) if number != 2]
    assert states(service, others) == [DONE] * 7
    assert all(history(ahead, job) == ONCE for job in others)
    assert all((service.get(job).metrics or {})["device_wait_s"] >= 0 for job in others)
    assert passes[0] == 2


def test_a_stopping_worker_claims_nothing_ahead(
    ahead: WorkerContext, service: JobService, submit: Submit
) -> None:
    jobs = [submit() for _ in range(4)]
    ahead.drain.begin()
    run(ahead)
    assert states(service, jobs) == [DONE] + [(JobStatus.QUEUED, 0)] * 3


def test_one_that_fails_does_not_disturb_the_batches_behind_it(
    ahead: WorkerContext, service: JobService, submit: Submit
) -> None:
    jobs = [submit() for _ in range(6)]
    forget_pixels(ahead)
    ahead.storage.delete(service.get(jobs[1]).inputs[0].sha256)
    run(ahead)
    assert states(service, jobs) == [DONE, (JobStatus.FAILED, 1), *[DONE] * 4]


def test_two_workers_that_race_for_batches(
    batching: WorkerContext, service: JobService, submit: Submit
) -> None:
    jobs = [submit(owner=owner) for owner in ("ann", "bob", "cleo") for _ in range(5)]
    second = WorkerContext(batching.settings)
    threads = [threading.Thread(target=drain, args=(context,)) for context in (batching, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    second.close()

    assert all(history(batching, job) == ONCE for job in jobs)
    with service.sessions() as session:
        rows = session.scalars(select(Job)).all()
    assert Counter(len(row.outputs) for row in rows) == {1: 15}
    assert {row.attempt for row in rows} == {1}


KILLED = """
import sys, time
from jobs.settings import Settings
from nst_core.stylize.style_engine import StyleEngine
from worker import execution
from worker.batching import rendezvous
from worker.context import WorkerContext

def held(self, prepared, **listeners):
    print(len(prepared), flush=True)
    time.sleep(60)

StyleEngine.passes = held
rendezvous.MAX_WAIT_SECONDS = 240.0
context = WorkerContext(Settings.model_validate_json(sys.stdin.read()))
execution.run_next(context, "stylize", "w1")
"""


def test_every_job_of_a_killed_batch_ends_once(
    batching: WorkerContext, service: JobService, submit: Submit, passes: list[int]
) -> None:
    jobs = [submit() for _ in range(4)]
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(batching.settings.model_dump_json())
    child.stdin.close()
    assert child.stdout.readline() == "4\n"
    os.kill(child.pid, signal.SIGKILL)
    child.wait(PATIENCE)
    child.stdout.close()
    assert states(service, jobs) == [(JobStatus.RUNNING, 1)] * 4

    for job in jobs:
        expire_lease(service.sessions, job)
    with service.sessions.begin() as session:
        assert len(lifecycle.reap(session)) == 4
    drain(batching)

    assert states(service, jobs) == [(JobStatus.SUCCEEDED, 2)] * 4
    assert passes == []  # after such an end each is tried by itself
    for job in jobs:
        expected = ["queued", "running", "queued", "running", "succeeded"]
        assert history(batching, job) == expected
        assert len(service.get(job).outputs) == 1
