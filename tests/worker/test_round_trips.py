"""Round trips to PostgreSQL of what the service does most: a submit, a poll, a claim and an end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, Engine, event
from support.databases import dispose
from support.patience import PATIENCE
from support.submitting import submit_job

from jobs.db.models.jobs import Job
from jobs.media.pictures import PictureInfo, Upload
from jobs.queue.broker import Broker, make_celery
from jobs.queue.outbox import Token
from jobs.queue.publisher import TokenPublisher
from jobs.service import JobService
from jobs.settings import Settings
from worker import execution
from worker.context import WorkerContext
from worker.kinds.handlers import HANDLERS
from worker.result import JobResult, OutputFile

pytestmark = pytest.mark.integration


class LaterPublisher(TokenPublisher):
    """Leaves tokens to maintenance: the web server sends them in a thread, beside the requests."""

    def publish(self, tokens: Sequence[Token]) -> None:
        """Send nothing."""


@pytest.fixture
def context(settings: Settings, migrated_postgres_url: str) -> Iterator[WorkerContext]:
    """A worker on PostgreSQL."""
    context = WorkerContext(settings.model_copy(update={"database_url": migrated_postgres_url}))
    yield context
    dispose(context._engine)


@pytest.fixture
def service(context: WorkerContext) -> JobService:
    """The use cases on the connections of the worker."""
    broker = Broker(make_celery("redis://127.0.0.1:1/0"))
    publisher = LaterPublisher(context.sessions, broker)
    return JobService(context.settings, context._engine, context.storage, broker, publisher=publisher)


@contextmanager
def round_trips(engine: Engine) -> Iterator[list[str]]:
    """What is sent to the server within the block; autocommit needs no BEGIN and no ROLLBACK."""
    sent: list[str] = []

    def statement(_connection: Connection, _cursor: object, text: str, *_: object) -> None:
        sent.append(" ".join(text.split())[:60])

    def transaction(name: str) -> Callable[[Connection], None]:
        def note(connection: Connection) -> None:
            if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
                sent.append(name)

        return note

    listeners = [("before_cursor_execute", statement)]
    listeners += [(name, transaction(name)) for name in ("begin", "commit", "rollback")]
    for name, listener in listeners:
        event.listen(engine, name, listener)
    yield sent
    for name, listener in listeners:
        event.remove(engine, name, listener)


def test_submits_polls_and_runs_cost_few_round_trips(
    context: WorkerContext,
    service: JobService,
    picture: Callable[..., bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # On a busy machine, positions would be read again, and idle connections be tested.
    monkeypatch.setattr("jobs.queue.position.SNAPSHOT_SECONDS", PATIENCE)
    monkeypatch.setattr("jobs.db.engine.PING_AFTER_SECONDS", PATIENCE)
    output = OutputFile(
        role="image",
        data=picture(seed=9),
        info=PictureInfo(media_type="image/png", width=48, height=32),
    )
    monkeypatch.setitem(HANDLERS, "stylize", lambda *_: JobResult(outputs=[output], metrics={}))
    style = Upload(data=picture(seed=1), field="style", name="style")

    def submit(seed: int) -> Job:
        content = Upload(data=picture(seed=seed), field="content", name="content")
        return submit_job(service, "stylize", {"size": 64}, content=content, style=style)

    first = submit(2)
    service.queue_position(first)
    with round_trips(context._engine) as submitting:
        second = submit(3)
    with round_trips(context._engine) as polling:
        version = service.version(second.id)
    service.queue_position(version)
    with round_trips(context._engine) as polling_again:
        service.queue_position(service.version(second.id))
    with round_trips(context._engine) as running:
        assert execution.run_next(context, "stylize", "w1") is not None

    assert len(submitting) <= 12, submitting  # there were 21
    assert len(polling) == 1, polling
    assert len(polling_again) == 1, polling_again
    assert len(running) <= 21, running  # there were 38 with the progress of short jobs
