"""Waiting for changes of jobs, and the small row that tells of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import OperationalError
from support.patience import PATIENCE

from jobs.db.engine import make_reader
from jobs.db.models.jobs import Job
from jobs.errors import NotFoundError
from jobs.queue import lifecycle, watcher
from jobs.queue.change_signals import ChangeReceiver
from jobs.queue.versions import JobVersion, read_version, read_versions, version_of
from jobs.service import JobService

pytestmark = pytest.mark.dialects
Submit = Callable[..., Job]


def statements(engine: Engine) -> list[str]:
    """Everything that is sent to the database from now on."""
    sent: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    return sent


def test_a_version_is_one_statement_without_a_transaction(service: JobService, submit: Submit) -> None:
    job = submit()
    expected = version_of(service.get(job.id))
    reader = make_reader(service.engine)
    sent = statements(service.engine)

    assert read_version(reader, job.id) == expected
    assert [statement.split()[0] for statement in sent] == ["SELECT"]
    with reader.connect() as connection:
        driver: Any = connection.connection.driver_connection
        connection.execute(text("SELECT 1"))
        if reader.dialect.name == "sqlite":
            assert not driver.in_transaction
        else:
            assert driver.info.transaction_status.name == "IDLE"


def test_versions_of_several_jobs(service: JobService, submit: Submit) -> None:
    jobs = [submit(seed) for seed in range(3)]

    found = read_versions(make_reader(service.engine), [*(job.id for job in jobs), "unknown"])

    assert found == {job.id: version_of(service.get(job.id)) for job in jobs}


def test_every_change_makes_a_new_version(service: JobService, submit: Submit) -> None:
    job = submit()
    seen = [service.version(job.id).version]
    with service.sessions.begin() as session:
        run = lifecycle.claim(session, "stylize", "w", 60)
        assert run is not None
    seen.append(service.version(job.id).version)
    with service.sessions.begin() as session:
        lifecycle.report_progress(session, run, {"stage": "render", "step": 1, "total": 4})
    seen.append(service.version(job.id).version)
    service.cancel(job.id)
    seen.append(service.version(job.id).version)
    with service.sessions.begin() as session:
        lifecycle.finish_canceled(session, run)

    assert [*seen, service.version(job.id).version] == [1, 2, 3, 4, 5]
    assert service.version(job.id).ended


def test_a_job_of_another_owner_has_no_version(service: JobService, submit: Submit) -> None:
    job = submit()

    with pytest.raises(NotFoundError):
        service.for_owner("other").version(job.id)
    with pytest.raises(NotFoundError):
        service.for_owner("other").wait_for_change(job.id, 5)


def test_waits_end_with_a_change_and_with_the_end(service: JobService, submit: Submit) -> None:
    job = submit()
    with ThreadPoolExecutor(3) as threads:
        for_change = threads.submit(service.wait_for_change, job.id, PATIENCE, version=1)
        for_end = threads.submit(service.wait_for_change, job.id, PATIENCE)
        with service.sessions.begin() as session:
            run = lifecycle.claim(session, "stylize", "w", 60)
            assert run is not None
        assert for_change.result(PATIENCE).version == 2
        assert not for_end.done()
        with service.sessions.begin() as session:
            lifecycle.finish_canceled(session, run)
        assert for_end.result(PATIENCE).status == "canceled"


def test_a_wait_for_a_deleted_job_ends(service: JobService, submit: Submit) -> None:
    job = submit()
    service.cancel(job.id)
    service.delete(job.id)

    with service._watcher.waiting(job.id) as wait:
        assert wait.result(PATIENCE) is None


def test_a_wait_gives_up_after_its_time(service: JobService, submit: Submit) -> None:
    job = submit()

    assert service.wait_for_change(job.id, 0.05, version=1).version == 1
    assert service.wait_for_change(job.id, 0).version == 1


def test_one_look_serves_all_who_wait(
    service: JobService, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [submit(seed) for seed in range(3)]
    looks: list[set[str]] = []
    all_wait = threading.Event()

    def look(reader: Engine, job_ids: set[str]) -> dict[str, JobVersion]:
        looks.append(job_ids)
        if len(job_ids) == 3:
            all_wait.set()
        return read_versions(reader, job_ids)

    monkeypatch.setattr(watcher, "read_versions", look)
    # All are due at every look.
    monkeypatch.setattr(watcher, "TOGETHER_SECONDS", PATIENCE)
    with ThreadPoolExecutor(3) as threads:
        waits = [threads.submit(service.wait_for_change, job.id, PATIENCE) for job in jobs]
        assert all_wait.wait(PATIENCE)
        for job in jobs:
            service.cancel(job.id)
        assert {wait.result(PATIENCE).status for wait in waits} == {"canceled"}
    assert {job.id for job in jobs} in looks


def test_an_error_of_the_database_reaches_those_who_wait(
    service: JobService, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = submit()

    def fail(*_: object) -> dict[str, JobVersion]:
        raise OperationalError("SELECT", {}, Exception("away"))

    monkeypatch.setattr(watcher, "read_versions", fail)

    with pytest.raises(OperationalError):
        service.wait_for_change(job.id, PATIENCE)


def test_the_thread_ends_without_work_and_starts_again(
    service: JobService, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "IDLE_SECONDS", 0.01)
    job = submit()
    watched = watcher.JobWatcher(make_reader(service.engine))
    others = set(threading.enumerate())

    def threads() -> list[threading.Thread]:
        return [each for each in threading.enumerate() if each not in others]

    for _ in range(2):
        with watched.waiting(job.id) as wait:
            found = wait.result(0.05)
        assert found is not None
        assert found.version == 1
        for thread in threads():
            thread.join(PATIENCE)
        assert threads() == []


@pytest.fixture
def signaled(service: JobService, monkeypatch: pytest.MonkeyPatch) -> watcher.JobWatcher:
    """A watcher that relies on signals: without one, it would look again after minutes."""
    monkeypatch.setattr(watcher, "SIGNALED_PAUSE", 10 * PATIENCE)
    receiver = ChangeReceiver("amqp://no-signals")
    receiver.connected = True
    return watcher.JobWatcher(make_reader(service.engine), receiver)


def test_a_signal_ends_a_wait(
    service: JobService, submit: Submit, signaled: watcher.JobWatcher
) -> None:
    job = submit()
    with ThreadPoolExecutor(1) as threads, signaled.waiting(job.id) as wait:
        waiting = threads.submit(wait.result, PATIENCE)
        service.cancel(job.id)
        signaled.look_soon({"another", job.id})
        found = waiting.result(PATIENCE)
    assert wait.done.is_set()
    assert found is not None
    assert found.status == "canceled"


def test_a_signal_during_a_look_is_not_lost(
    service: JobService,
    submit: Submit,
    signaled: watcher.JobWatcher,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = submit()
    looks = 0

    def look(reader: Engine, job_ids: set[str]) -> dict[str, JobVersion]:
        nonlocal looks
        looks += 1
        found = read_versions(reader, job_ids)
        if looks == 1:
            service.cancel(job.id)
            signaled.look_soon({job.id})
        return found

    monkeypatch.setattr(watcher, "read_versions", look)
    with signaled.waiting(job.id) as wait:
        signaled.look_soon(None)
        assert wait.done.wait(PATIENCE)
        found = wait.result(0)
    assert found is not None
    assert (found.status, looks) == ("canceled", 2)


def test_changes_of_the_own_process_need_no_signal(
    service: JobService, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "FIRST_PAUSE", 10 * PATIENCE)
    monkeypatch.setattr(watcher, "LONGEST_PAUSE", 10 * PATIENCE)
    job = submit()
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(service.wait_for_change, job.id, PATIENCE)
        while not service._watcher._waits:
            time.sleep(0.001)
        service.cancel(job.id)
        assert waiting.result(PATIENCE / 2).status == "canceled"
