"""Earlier outputs answer the same question, for the same owner, by the same network."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from jobs.blobs.rows import upsert_blob
from jobs.db.models.jobs import Job, JobEvent, JobFile
from jobs.db.models.operations import OutboxMessage
from jobs.db.upserts import upsert_network_version
from jobs.media.pictures import PictureInfo
from jobs.queue import lifecycle
from jobs.service import JobService

Submit = Callable[..., Job]
VERSION = "slim:abc@1"


@pytest.fixture(autouse=True)
def _worker_started(service: JobService) -> None:
    start_worker(service, VERSION)


def start_worker(service: JobService, version: str) -> None:
    with service.sessions.begin() as session:
        upsert_network_version(session, "slim", version, lifecycle.now(session))


def finish(service: JobService, data: bytes = b"made", version: str | None = VERSION) -> str:
    """Do a worker's part."""
    with service.sessions.begin() as session:
        run = lifecycle.claim(session, "stylize", "w", 60)
        assert run is not None
        lifecycle.succeed(session, run, {"run_s": 0.5}, network_version=version)
        sha256 = service.storage.put(data)
        info = PictureInfo(media_type="image/png", width=8, height=8)
        upsert_blob(session, sha256, len(data), info, lifecycle.now(session))
        session.add(JobFile(job_id=run.job_id, direction="output", role="image", sha256=sha256))
    return run.job_id


def test_the_same_question_is_answered_at_once(service: JobService, submit: Submit) -> None:
    submit()
    first = finish(service)

    again = submit()

    assert again.id != first
    assert (again.status, again.cached, again.attempt) == ("succeeded", True, 0)
    assert again.metrics == {"cached_from": first}
    assert service.output(again.id)[1] == b"made"
    assert [event.data["status"] for event in service.events(again.id)] == ["queued", "succeeded"]
    with service.sessions() as session:  # no worker has to be woken for it
        tokens = select(func.count()).where(OutboxMessage.job_id == again.id)
        assert session.scalar(tokens) == 0


def test_an_answer_answers_too(service: JobService, submit: Submit) -> None:
    submit()
    first = finish(service)
    submit()
    with service.sessions.begin() as session:
        session.query(JobEvent).filter_by(job_id=first).delete()
        session.query(OutboxMessage).filter_by(job_id=first).delete()
        session.query(JobFile).filter_by(job_id=first).delete()
        session.query(Job).filter_by(id=first).delete()

    assert submit().cached


DIFFERENT = {
    "another photo": {"seed": 5},
    "another style": {"style_seed": 5},
    "another parameter": {"params": {"alpha": 0.3}},
    "another owner": {"owner": "eve"},
    "the caller says no": {"use_cache": False},
}


@pytest.mark.parametrize("difference", DIFFERENT)
def test_what_is_not_the_same_is_rendered(service: JobService, submit: Submit, difference: str) -> None:
    submit()
    finish(service)

    other = submit(**DIFFERENT[difference])

    assert (other.status, other.cached) == ("queued", False)


# Also where the new one's name comes before the old one's: versions have no order.
@pytest.mark.parametrize("version", ["slim:other-weights@1", "a-release-before@0"])
def test_another_network_renders_anew(service: JobService, submit: Submit, version: str) -> None:
    submit()
    finish(service)
    start_worker(service, version)

    assert submit().status == "queued"
    finish(service, version=version)
    assert submit().cached


def test_an_output_of_an_unknown_network_is_not_used(service: JobService, submit: Submit) -> None:
    submit()
    finish(service, version=None)

    assert submit().status == "queued"


def test_a_job_without_its_output_answers_nothing(service: JobService, submit: Submit) -> None:
    submit()
    first = finish(service)
    service.storage.delete(service.get(first).outputs[0].sha256)

    assert submit().status == "queued"


def test_priority_and_deadline_do_not_change_the_picture(service: JobService, submit: Submit) -> None:
    submit()
    finish(service)

    assert submit(priority=9, cancel_after=60).cached


def test_unfinished_and_failed_jobs_answer_nothing(service: JobService, submit: Submit) -> None:
    submit()
    with service.sessions.begin() as session:
        run = lifecycle.claim(session, "stylize", "w", 60)
        assert run is not None
    assert submit().status == "queued"
    with service.sessions.begin() as session:
        lifecycle.fail(session, run, {"code": "x", "detail": "x", "retryable": False})

    assert submit().status == "queued"


def test_an_answer_needs_no_room_in_the_queue(service: JobService, submit: Submit) -> None:
    submit()
    finish(service)
    submit(seed=2)
    service.settings = service.settings.model_copy(update={"max_queued": 1})

    assert submit().cached


def test_answers_do_not_shorten_the_measured_time(service: JobService, submit: Submit) -> None:
    submit()
    finish(service)
    for _ in range(5):
        submit()

    waiting = submit(seed=3)
    place = service.queue_position(waiting)

    assert place is not None
    assert place.eta_s == pytest.approx(0.25)
