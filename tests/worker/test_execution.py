from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import TypeAdapter
from sqlalchemy import func, select, update
from support.patience import PATIENCE
from support.submitting import submit_job
from support.tests_support import take_back

from jobs.db import counters
from jobs.db.engine import now
from jobs.db.models.blobs import Blob
from jobs.db.models.jobs import Job, JobEvent
from jobs.db.models.operations import OutboxMessage
from jobs.db.models.owners import Owner
from jobs.errors import StorageError
from jobs.logs import JsonFormatter
from jobs.media.pictures import Upload
from jobs.queue import lifecycle
from jobs.queue.lifecycle import JobStatus
from jobs.service import JobService
from worker import execution
from worker.context import WorkerContext
from worker.kinds.handlers import HANDLERS
from worker.lease import Lease
from worker.result import JobResult

Handler = Callable[[WorkerContext, Job, Lease], JobResult]


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch) -> Callable[[Handler], None]:
    """Put another handler in the place of the real one."""
    return lambda function: monkeypatch.setitem(HANDLERS, "stylize", function)


def run(context: WorkerContext, owner: str = "w1") -> lifecycle.Run | None:
    return execution.run_next(context, "stylize", owner)


def test_nothing_to_do(context: WorkerContext) -> None:
    assert run(context) is None


def test_an_unexpected_error_is_tried_again_and_then_given_up(
    context: WorkerContext, service: JobService, submit: Callable[..., str], handler: Any
) -> None:
    def explode(*_: Any) -> JobResult:
        raise RuntimeError("secret detail")

    handler(explode)
    job_id = submit()

    statuses = []
    for _ in range(3):
        run(context)
        statuses.append(service.get(job_id).status)

    job = service.get(job_id)
    assert statuses == ["queued", "queued", "failed"]
    assert job.attempt == 3
    assert job.error is not None
    assert "secret" not in str(job.error)
    with service.sessions() as session:  # one token from the submit and one from each retry
        assert session.scalar(select(func.count()).select_from(OutboxMessage)) == 3


def _decode(text: str) -> str:
    return (text.encode() + b"\xff").decode()


def _validate(text: str) -> int:
    return TypeAdapter(int).validate_python(text)


@pytest.mark.parametrize("raised", [json.loads, int, _decode, _validate])
def test_an_error_of_a_library_is_neither_final_nor_shown(
    context: WorkerContext,
    service: JobService,
    submit: Callable[..., str],
    handler: Any,
    raised: Callable[..., object],
) -> None:
    def explode(*_: Any) -> JobResult:
        raised("secret")
        raise AssertionError

    handler(explode)
    job_id = submit()
    run(context)

    job = service.get(job_id)
    assert (job.status, job.attempt) == (JobStatus.QUEUED, 1)
    error = job.error or {}
    assert (error["code"], error["retryable"]) == ("internal", True)
    assert "secret" not in str(error)


def test_an_error_for_people_is_final_and_shown(
    context: WorkerContext, service: JobService, submit: Callable[..., str], handler: Any
) -> None:
    from nst_core.images.picture import PictureError

    def explode(*_: Any) -> JobResult:
        raise PictureError("The file is no picture.")

    handler(explode)
    job_id = submit()
    run(context)

    job = service.get(job_id)
    assert job.status == JobStatus.FAILED
    assert (job.error or {})["detail"] == "The file is no picture."


def test_storage_that_comes_back(
    context: WorkerContext, service: JobService, submit: Callable[..., str], monkeypatch: Any
) -> None:
    job_id = submit()
    real = context.storage.stage

    def broken(*_: object) -> None:
        raise StorageError

    monkeypatch.setattr(context.storage, "stage", broken)
    run(context)
    assert service.get(job_id).status == JobStatus.QUEUED
    monkeypatch.setattr(context.storage, "stage", real)
    run(context)

    assert service.get(job_id).status == JobStatus.SUCCEEDED


def test_inputs_that_are_gone_fail_the_job(
    context: WorkerContext, service: JobService, submit: Callable[..., str]
) -> None:
    job_id = submit()
    for file in service.get(job_id).inputs:  # of the photo alone, the decoded pixels may be there
        context.storage.delete(file.sha256)

    run(context)

    job = service.get(job_id)
    assert job.status == JobStatus.FAILED
    assert (job.error or {})["code"] == "input_missing"


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def stepping(started: threading.Event, go_on: threading.Event) -> Handler:
    def work(context: WorkerContext, job: Job, lease: Lease) -> JobResult:
        started.set()
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and not go_on.is_set():
            lease.report("render", 1, 4)
            time.sleep(0.02)
        lease.check()
        return JobResult(outputs=[])

    return work


def test_a_running_job_is_canceled(
    context: WorkerContext, service: JobService, submit: Callable[..., str], handler: Any
) -> None:
    started, asked = threading.Event(), threading.Event()
    step = stepping(started, threading.Event())

    def work(context: WorkerContext, job: Job, lease: Lease) -> JobResult:
        started.set()
        assert asked.wait(PATIENCE)
        return step(context, job, lease)

    handler(work)
    job_id = submit()
    thread = threading.Thread(target=run, args=(context,))
    thread.start()
    assert started.wait(PATIENCE)

    assert service.cancel(job_id).status == JobStatus.RUNNING
    asked.set()
    thread.join(PATIENCE)

    assert service.get(job_id).status == JobStatus.CANCELED


def test_a_run_that_lost_its_lease_discards_its_work(
    context: WorkerContext, service: JobService, submit: Callable[..., str], handler: Any
) -> None:
    started, go_on = threading.Event(), threading.Event()
    handler(stepping(started, go_on))
    job_id = submit()
    first = threading.Thread(target=run, args=(context, "w1"))
    first.start()
    started.wait(PATIENCE)
    take_back(service.sessions, job_id)
    with service.sessions.begin() as session:
        taken = lifecycle.claim(session, "stylize", "w2", 60)
    assert taken is not None
    go_on.set()
    first.join(PATIENCE)

    job = service.get(job_id)
    assert (job.status, job.lease_owner, job.attempt) == (JobStatus.RUNNING, "w2", 2)
    assert job.outputs == []


def test_the_heartbeat_outlives_a_step_longer_than_the_lease(
    context: WorkerContext, service: JobService, submit: Callable[..., str], handler: Any
) -> None:
    context.settings = context.settings.model_copy(update={"lease_seconds": 5.0})

    def slow(context: WorkerContext, job: Job, lease: Lease) -> JobResult:
        time.sleep(5.5)
        with service.sessions.begin() as session:
            assert lifecycle.reap(session) == []
        return JobResult(outputs=[])

    handler(slow)
    job_id = submit()
    run(context)

    assert service.get(job_id).status == JobStatus.SUCCEEDED


def test_a_job_past_its_deadline_fails(
    context: WorkerContext, service: JobService, submit: Callable[..., str], handler: Any
) -> None:
    context.settings = context.settings.model_copy(update={"job_seconds": 0.3})
    handler(stepping(threading.Event(), threading.Event()))
    job_id = submit()
    run(context)

    job = service.get(job_id)
    assert job.status == JobStatus.FAILED
    assert (job.error or {})["code"] == "deadline"


def progress_of(service: JobService, job_id: str) -> list[int]:
    with service.sessions() as session:
        events = session.query(JobEvent).filter_by(job_id=job_id).order_by(JobEvent.seq).all()
    return [event.data["progress"]["step"] for event in events if event.type == "progress"]


def test_progress_is_kept_in_order(
    context: WorkerContext,
    service: JobService,
    submit: Callable[..., str],
    handler: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("worker.lease.PROGRESS_SECONDS", 0.0)

    def work(_context: WorkerContext, _job: Job, lease: Lease) -> JobResult:
        for step in range(4):
            lease.report("render", step, 4)
        return JobResult(outputs=[])

    handler(work)
    job_id = submit()
    run(context)

    assert progress_of(service, job_id) == [0, 1, 2, 3]


def test_a_short_job_stores_no_progress(
    context: WorkerContext,
    service: JobService,
    submit: Callable[..., str],
    handler: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("worker.lease.PROGRESS_SECONDS", PATIENCE)
    context.settings = context.settings.model_copy(update={"heartbeat_seconds": PATIENCE})

    def work(_context: WorkerContext, _job: Job, lease: Lease) -> JobResult:
        lease.report("decode", 0, 4)
        return JobResult(outputs=[])

    handler(work)
    job_id = submit()
    run(context)

    assert progress_of(service, job_id) == []


def test_a_long_first_step_is_told_by_the_heartbeat(
    context: WorkerContext, service: JobService, submit: Callable[..., str], handler: Any
) -> None:
    def work(_context: WorkerContext, job: Job, lease: Lease) -> JobResult:
        lease._reported = time.monotonic() + PATIENCE  # on however busy a machine, these are withheld
        lease.report("decode", 0, 4)
        lease.report("render", 2, 4)
        deadline = time.monotonic() + PATIENCE
        while not progress_of(service, job.id):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return JobResult(outputs=[])

    handler(work)
    job_id = submit()
    run(context)

    assert progress_of(service, job_id)[-1] in {0, 2}  # the newest of them at that moment


def test_every_line_of_a_run_names_the_job_and_its_request(
    context: WorkerContext,
    service: JobService,
    handler: Any,
    picture: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    lines = []
    caplog.handler.addFilter(lambda record: lines.append(JsonFormatter().format(record)) or True)

    def talk(context: WorkerContext, job: Job, lease: Lease) -> JobResult:
        logging.getLogger("some.library").warning("in the run")
        return JobResult(outputs=[])

    handler(talk)
    upload = Upload(data=picture(), field="content", name="content")
    job = submit_job(service, "stylize", {}, content=upload, style=upload, request_id="req-7")
    caplog.set_level(logging.INFO)
    run(context)

    said = [line for line in map(json.loads, lines) if line["logger"] != "celery"]
    assert {line["logger"] for line in said} >= {"worker.execution", "some.library"}
    of_the_run = [line for line in said if line["logger"] in {"worker.execution", "some.library"}]
    assert all(line["job_id"] == job.id for line in of_the_run)
    assert all(line["request_id"] == "req-7" for line in of_the_run)


def test_wake_ups_for_nothing_and_stale_writes_are_counted(
    context: WorkerContext, service: JobService, submit: Callable[..., str], handler: Any
) -> None:
    def lose(context: WorkerContext, job: Job, lease: Lease) -> JobResult:
        with context.sessions.begin() as session:
            session.get_one(Job, job.id).lease_owner = "another"
        return JobResult(outputs=[])

    handler(lose)
    submit()
    run(context)
    run(context)

    with service.sessions() as session:
        assert counters.totals(session, counters.WRITES_REFUSED) == {"": 1}
        assert counters.totals(session, counters.CLAIMS_REFUSED) == {"": 1}


def test_a_stopping_worker_gives_its_job_back_without_spending_an_attempt(
    context: WorkerContext, service: JobService, submit: Callable[..., str], handler: Any
) -> None:
    context.settings = context.settings.model_copy(update={"drain_seconds": 0.0})
    started = threading.Event()
    handler(stepping(started, threading.Event()))
    job_id = submit()
    with service.sessions.begin() as session:
        session.query(OutboxMessage).delete()
    thread = threading.Thread(target=run, args=(context,))
    thread.start()
    started.wait(PATIENCE)

    context.drain.begin()
    thread.join(PATIENCE)

    job = service.get(job_id)
    assert (job.status, job.attempt, job.lease_owner) == (JobStatus.QUEUED, 0, None)
    assert service.events(job_id)[-1].data["reason"] == "drained"
    with service.sessions() as session:  # another worker is woken for it
        assert session.scalar(select(func.count()).select_from(OutboxMessage)) == 1


def test_a_stopping_worker_lets_a_job_end_that_is_quick_enough(
    context: WorkerContext, service: JobService, submit: Callable[..., str]
) -> None:
    context.drain.begin()
    job_id = submit()
    run(context)

    assert service.get(job_id).status == JobStatus.SUCCEEDED


def test_the_output_names_the_weights_and_answers_the_same_question(
    context: WorkerContext, service: JobService, submit: Callable[..., str]
) -> None:
    context.record_versions()
    first = submit()
    run(context)
    again = service.get(submit())

    made = service.get(first)
    assert made.network_version == context.engines.version("slim")
    assert "slim" in (made.network_version or "")
    assert (again.status, again.cached) == (JobStatus.SUCCEEDED, True)
    assert service.output(again.id)[1] == service.output(first)[1]


def test_a_retry_waits_longer_each_time_and_its_token_waits_with_it(
    context: WorkerContext, service: JobService, submit: Callable[..., str], handler: Any
) -> None:
    from jobs.queue import outbox

    def explode(*_: Any) -> JobResult:
        raise RuntimeError

    handler(explode)
    context.settings = context.settings.model_copy(update={"retry_seconds": 100.0})
    job_id = submit()
    with service.sessions.begin() as session:
        session.query(OutboxMessage).delete()
    run(context)

    job = service.get(job_id)
    waits = (job.run_at - service.events(job_id)[-1].created_at).total_seconds()
    assert 50 <= waits <= 100
    assert run(context) is None
    service.broker.wake = lambda *_: True  # type: ignore[method-assign]
    assert outbox.publish(service.sessions, service.broker) == 0


def test_an_owner_at_the_bound_wakes_a_worker_when_a_job_ends(
    context: WorkerContext, service: JobService, submit: Callable[..., str]
) -> None:
    context.settings = context.settings.model_copy(update={"max_running_per_owner": 1})
    submit()
    waiting = submit(alpha=0.1)
    with service.sessions.begin() as session:
        session.query(OutboxMessage).delete()

    run(context)

    with service.sessions() as session:
        assert session.scalars(select(OutboxMessage.job_id)).all() == [waiting]


def test_an_output_that_does_not_fit_the_quota_is_not_kept(
    context: WorkerContext, service: JobService, submit: Callable[..., str]
) -> None:
    first = submit()
    with service.sessions() as session:
        before = session.scalar(select(func.count()).select_from(Blob))
    context.settings = context.settings.model_copy(update={"max_mb_per_owner": 1})
    with service.sessions.begin() as session:
        session.execute(update(Owner).values(stored_bytes=999_999, stored_bytes_at=now(session)))
    run(context)

    job = service.get(first)
    assert (job.status, (job.error or {})["code"]) == ("failed", "over_limit")
    assert (job.error or {})["retryable"] is False
    with service.sessions() as session:
        assert session.scalar(select(func.count()).select_from(Blob)) == before
