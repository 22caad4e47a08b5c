"""Tokens that a thread sends after the commit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine, func, select
from support.patience import PATIENCE

from jobs.blobs.local import LocalStorage
from jobs.db.models.jobs import Job
from jobs.db.models.operations import OutboxMessage
from jobs.queue import publisher
from jobs.queue.broker import Broker
from jobs.queue.publisher import ThreadedPublisher
from jobs.service import JobService
from jobs.settings import Settings

pytestmark = pytest.mark.dialects


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Recorder(Broker):
    """A broker that remembers tokens, and may be away or hang."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.away = False
        self.go_on = threading.Event()
        self.go_on.set()

    def wake(self, queue: str, job_id: str) -> bool:
        self.go_on.wait(PATIENCE)
        if not self.away:
            self.sent.append(job_id)
        return not self.away


@pytest.fixture
def broker() -> Recorder:
    return Recorder()


@pytest.fixture
def service(
    settings: Settings, engine: Engine, local_storage: LocalStorage, broker: Recorder
) -> Iterator[JobService]:
    from jobs.db.engine import make_sessions

    threaded = ThreadedPublisher(make_sessions(engine), broker)
    yield JobService(settings, engine, local_storage, broker, publisher=threaded)
    broker.go_on.set()
    threaded.close()


def left(service: JobService) -> int:
    with service.sessions() as session:
        return session.scalar(select(func.count()).select_from(OutboxMessage)) or 0


def test_tokens_are_sent_in_order_and_their_rows_deleted(
    service: JobService, broker: Recorder, submit: Callable[..., Job]
) -> None:
    ids = [submit(seed).id for seed in range(3)]

    eventually(lambda: broker.sent == ids)
    eventually(lambda: left(service) == 0)


def test_rows_are_deleted_together(
    service: JobService,
    broker: Recorder,
    submit: Callable[..., Job],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(publisher, "DELETE_SECONDS", PATIENCE)
    monkeypatch.setattr(publisher, "MAX_DELETED", 3)
    ids = [submit(seed).id for seed in range(2)]
    eventually(lambda: broker.sent == ids)
    assert left(service) == 2

    submit(2)
    eventually(lambda: left(service) == 0)


def test_closing_sends_what_was_handed_over(
    service: JobService, broker: Recorder, submit: Callable[..., Job]
) -> None:
    broker.go_on.clear()
    ids = [submit(seed).id for seed in range(2)]
    broker.go_on.set()
    assert isinstance(service._publisher, ThreadedPublisher)
    service._publisher.close()
    assert broker.sent == ids
    assert left(service) == 0


def test_a_hanging_broker_holds_no_submit_up(
    service: JobService, broker: Recorder, submit: Callable[..., Job]
) -> None:
    broker.go_on.clear()
    job = submit()  # would wait here

    assert left(service) == 1
    broker.go_on.set()
    eventually(lambda: broker.sent == [job.id])


def test_tokens_that_can_not_be_sent_stay_in_the_outbox(
    service: JobService, broker: Recorder, submit: Callable[..., Job]
) -> None:
    broker.away = True
    broker.go_on.clear()
    lost = [submit(seed).id for seed in range(3)]
    broker.go_on.set()
    eventually(lambda: service._publisher._tokens.empty())
    broker.away = False
    job = submit(3)

    eventually(lambda: broker.sent[-1:] == [job.id])
    eventually(lambda: left(service) == 3)
    assert not set(lost) & set(broker.sent)
