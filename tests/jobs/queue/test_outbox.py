from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine, func, select, update
from support.maintenance import maintenance_of
from support.patience import PATIENCE
from support.submitting import submit_job
from support.tests_support import expire_lease

from jobs.blobs.local import LocalStorage
from jobs.db.engine import SessionFactory
from jobs.db.models.jobs import Job
from jobs.db.models.operations import OutboxMessage
from jobs.logs import JsonFormatter
from jobs.media.pictures import Upload
from jobs.queue import broker_calls, lifecycle
from jobs.queue.broker import Broker, make_celery
from jobs.queue.lifecycle import JobStatus
from jobs.service import JobService
from jobs.settings import Settings

pytestmark = pytest.mark.dialects

AWAY = "redis://127.0.0.1:1/0"


@pytest.fixture
def service(settings: Settings, engine: Engine, local_storage: LocalStorage) -> JobService:
    return JobService(settings, engine, local_storage, Broker(make_celery(AWAY)))


@pytest.fixture
def redis_queue(redis_port: int) -> Iterator[Broker]:
    import redis

    client = redis.Redis(port=redis_port)
    client.flushall()
    app = make_celery(f"redis://127.0.0.1:{redis_port}/0")
    yield Broker(app)
    app.close()
    client.close()


def waiting(sessions: SessionFactory) -> int:
    with sessions() as session:
        return session.scalar(select(func.count()).select_from(OutboxMessage)) or 0


def submit(service: JobService, picture: Callable[..., bytes]) -> Job:
    return submit_job(
        service,
        "stylize",
        {},
        content=Upload(data=picture(), field="content", name="content"),
        style=Upload(data=picture(seed=1), field="style", name="style"),
    )


@pytest.fixture
def hung_broker() -> Iterator[Broker]:
    """A broker that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        app = make_celery(f"redis://127.0.0.1:{listener.getsockname()[1]}/0")
        yield Broker(app)
        app.close()


def test_a_submit_waits_for_a_hung_broker_once_and_briefly(
    service: JobService,
    hung_broker: Broker,
    picture: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first submit gives up after its share of a second; the next ones don't ask the broker."""
    monkeypatch.setattr(broker_calls, "WAIT_SECONDS", 0.2)
    service = JobService(service.settings, service.engine, service.storage, hung_broker)
    asked: list[str] = []
    wake = hung_broker.wake

    def counted(queue: str, job_id: str) -> bool:
        asked.append(job_id)
        return wake(queue, job_id)

    monkeypatch.setattr(hung_broker, "wake", counted)

    jobs = [submit(service, picture) for _ in range(3)]

    assert asked == [jobs[0].id]
    assert waiting(service.sessions) == 3


def test_stalled_jobs_are_taken_back_while_the_broker_hangs(
    service: JobService, hung_broker: Broker, picture: Callable[..., bytes]
) -> None:
    job = submit(service, picture)
    with service.sessions.begin() as session:
        assert lifecycle.claim(session, "stylize", "w", 60) is not None
    expire_lease(service.sessions, job.id)
    loop = maintenance_of(
        JobService(
            service.settings.model_copy(update={"reap_seconds": 0.1}),
            service.engine,
            service.storage,
            hung_broker,
        )
    )
    entered = threading.Event()
    dispatch = loop.dispatch

    def entering() -> int:
        entered.set()
        return dispatch()

    loop.dispatch = entering  # type: ignore[method-assign]
    running = threading.Thread(target=loop.run)
    running.start()
    try:
        assert entered.wait(PATIENCE)
        deadline = time.monotonic() + 4.0  # the broker's own timeouts are longer
        while service.get(job.id).status == JobStatus.RUNNING and time.monotonic() < deadline:
            time.sleep(0.05)
        assert service.get(job.id).status == JobStatus.QUEUED
    finally:
        loop.stop.set()
        running.join(PATIENCE)


def test_a_submit_succeeds_while_the_broker_is_away(
    service: JobService, picture: Callable[..., bytes]
) -> None:
    job = submit(service, picture)

    assert job.status == JobStatus.QUEUED
    assert waiting(service.sessions) == 1


@pytest.mark.integration
def test_the_dispatcher_publishes_what_waited(
    service: JobService, redis_queue: Broker, picture: Callable[..., bytes]
) -> None:
    submit(service, picture)
    submit(service, picture)
    service.broker = redis_queue

    assert maintenance_of(service).dispatch() == 2
    assert waiting(service.sessions) == 0
    assert redis_queue.depth("stylize") == 2


@pytest.mark.integration
def test_lost_tokens_are_made_up_for_once(
    service: JobService, redis_queue: Broker, picture: Callable[..., bytes]
) -> None:
    jobs = [submit(service, picture) for _ in range(3)]
    service.broker = redis_queue
    maintenance = maintenance_of(service)
    with service.sessions.begin() as session:  # they have waited for an hour, and lost their tokens
        session.query(OutboxMessage).delete()
        hour_ago = jobs[0].run_at.replace(year=2020)
        session.execute(update(Job).values(run_at=hour_ago))

    assert maintenance.renotify() == 3
    assert maintenance.renotify() == 0
    assert redis_queue.depth("stylize") == 3


def test_reaped_jobs_get_a_new_token(
    service: JobService, picture: Callable[..., bytes], caplog: pytest.LogCaptureFixture
) -> None:
    from jobs.queue import lifecycle

    caplog.handler.setFormatter(JsonFormatter())
    job = submit(service, picture)
    with service.sessions.begin() as session:
        session.query(OutboxMessage).delete()
        assert lifecycle.claim(session, "stylize", "w", 60) is not None
    expire_lease(service.sessions, job.id)

    assert maintenance_of(service).reap() == [job.id]
    assert waiting(service.sessions) == 1
    assert service.get(job.id).status == JobStatus.QUEUED
    assert [json.loads(line)["job_id"] for line in caplog.text.splitlines() if "stalled" in line] == [
        job.id
    ]


def test_a_token_carries_the_id_and_no_more(settings: Settings) -> None:
    sent: list[tuple[object, ...]] = []
    app = make_celery(AWAY)
    app.send_task = lambda name, args, **options: sent.append((name, args, options["queue"]))

    assert Broker(app).wake("stylize", "some-id") is True
    assert sent == [("atelier.run", ["some-id"], "stylize")]
