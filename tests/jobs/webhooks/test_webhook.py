from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, wait
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select, update
from standardwebhooks import Webhook as Verifier
from support.receiver import Receiver
from support.submitting import submit_batch, submit_job

from jobs.blobs.local import LocalStorage
from jobs.db.engine import now
from jobs.db.models.jobs import Job
from jobs.db.models.operations import OwedWebhook, WebhookDelivery
from jobs.errors import InvalidParamsError
from jobs.media.pictures import Upload
from jobs.operations import retention
from jobs.queue import lifecycle
from jobs.queue.broker import Broker, make_celery
from jobs.service import JobService
from jobs.settings import Settings, webhook_secret_bytes
from jobs.webhooks.delivery import new_secret
from jobs.webhooks.sender import WebhookSender
from jobs.webhooks.webhook import check_webhook

SECRET = new_secret()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def service(settings: Settings, engine: Engine, local_storage: LocalStorage) -> JobService:
    settings = settings.model_copy(
        update={"webhook_secret": SECRET, "webhook_allow_private": True, "webhook_attempts": 3}
    )
    queue = Broker(make_celery(settings.broker))
    return JobService(settings, engine, local_storage, queue)


@pytest.fixture
def sender(service: JobService) -> WebhookSender:
    return WebhookSender(service.settings, service.sessions)


Submit = Callable[..., Job]


@pytest.fixture
def submit(service: JobService, picture: Callable[..., bytes]) -> Submit:
    def make(owner: str | None = None, **options: Any) -> Job:
        return submit_job(
            (service if owner is None else service.for_owner(owner)),
            "stylize",
            {},
            content=Upload(data=picture(), field="content", name="content"),
            style=Upload(data=picture(seed=1), field="style", name="style"),
            **options,
        )

    return make


def finish(service: JobService, end: Callable[..., None] = lifecycle.succeed) -> None:
    with service.sessions.begin() as session:
        run = lifecycle.claim(session, "stylize", "w", 60)
        assert run is not None
        end(session, run, {"code": "x", "detail": "no"})


def let_time_pass(service: JobService) -> None:
    with service.sessions.begin() as session:
        waiting = WebhookDelivery.next_at.is_not(None)
        session.execute(update(WebhookDelivery).where(waiting).values(next_at=now(session)))
        session.execute(update(OwedWebhook).values(next_at=now(session)))


def time_of_database(service: JobService) -> datetime:
    with service.sessions() as session:
        return now(session)


def test_a_receiver_is_told_once_and_can_verify_it(
    service: JobService, sender: WebhookSender, submit: Submit, receiver: Receiver
) -> None:
    job = submit(webhook_url=receiver.url)
    finish(service)

    assert sender.send_due() == 1
    assert sender.send_due() == 0

    ((_, headers, body),) = receiver.requests
    told = Verifier(SECRET).verify(body, headers)
    assert told["type"] == "job.succeeded"
    assert told["data"]["id"] == job.id
    assert told["data"]["url"] == f"/v1/jobs/{job.id}"
    (delivery,) = service.deliveries(job)
    assert headers["webhook-id"] == delivery.id
    assert (delivery.attempts, delivery.status_code, delivery.next_at) == (1, 200, None)
    assert delivery.delivered_at is not None


def test_another_secret_does_not_verify(
    service: JobService, sender: WebhookSender, submit: Submit, receiver: Receiver
) -> None:
    from standardwebhooks import WebhookVerificationError

    submit(webhook_url=receiver.url)
    finish(service)
    sender.send_due()

    _, headers, body = receiver.requests[0]
    with pytest.raises(WebhookVerificationError):
        Verifier(new_secret()).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(SECRET).verify(body + b" ", headers)


def test_an_owner_with_a_secret_of_its_own(
    service: JobService, sender: WebhookSender, submit: Submit, receiver: Receiver
) -> None:
    own = new_secret()
    service.set_webhook_secret("ann", own)
    submit(webhook_url=receiver.url, owner="ann")
    finish(service)
    sender.send_due()

    _, headers, body = receiver.requests[0]
    assert Verifier(own).verify(body, headers)["type"] == "job.succeeded"


@pytest.mark.parametrize(
    ("events", "told"),
    [
        (None, ["job.failed"]),
        ("running,completed", ["job.running", "job.failed"]),
        ("succeeded", []),
        ("failed canceled", ["job.failed"]),
    ],
)
def test_events_are_filtered(
    service: JobService,
    sender: WebhookSender,
    submit: Submit,
    receiver: Receiver,
    events: str | None,
    told: list[str],
) -> None:
    submit(webhook_url=receiver.url, webhook_events=events)
    finish(service, lifecycle.fail)
    while sender.send_due():
        pass

    bodies = [json.loads(body) for _, _, body in receiver.requests]
    assert sorted(body["type"] for body in bodies) == sorted(told)


def test_a_canceled_job_is_told_of(
    service: JobService, sender: WebhookSender, submit: Submit, receiver: Receiver
) -> None:
    service.cancel(submit(webhook_url=receiver.url).id)
    sender.send_due()

    assert json.loads(receiver.requests[0][2])["type"] == "job.canceled"


def test_a_failing_receiver_is_tried_again_later_and_then_given_up(
    service: JobService, submit: Submit, receiver: Receiver
) -> None:
    patient = service.settings.model_copy(update={"webhook_retry_seconds": 500.0})
    sender = WebhookSender(patient, service.sessions)
    receiver.status = 500
    job = submit(webhook_url=receiver.url)
    finish(service)

    for delay in (500, 2000, None):
        let_time_pass(service)
        before = time_of_database(service)
        assert sender.send_due() == 1
        after = time_of_database(service)
        assert sender.send_due() == 0  # not before its time
        (delivery,) = service.deliveries(job)
        if delay is None:
            assert delivery.next_at is None
            continue
        assert delivery.next_at is not None
        # From the attempt on, which was between the two times, with 10 % of jitter.
        assert (delivery.next_at - before).total_seconds() >= 0.9 * delay
        assert (delivery.next_at - after).total_seconds() <= 1.1 * delay
    let_time_pass(service)

    assert sender.send_due() == 0
    assert (delivery.attempts, delivery.delivered_at) == (3, None)
    assert delivery.error == "The receiver answered 500."
    assert len({headers["webhook-id"] for _, headers, _ in receiver.requests}) == 1


def test_a_receiver_that_comes_back_is_told(
    service: JobService, sender: WebhookSender, submit: Submit, receiver: Receiver
) -> None:
    receiver.status = 503
    job = submit(webhook_url=receiver.url)
    finish(service)
    sender.send_due()
    receiver.status = 204
    let_time_pass(service)
    sender.send_due()

    (delivery,) = service.deliveries(job)
    assert (delivery.attempts, delivery.error) == (2, None)
    assert delivery.delivered_at is not None


def test_a_receiver_that_is_gone_is_not_asked_again(
    service: JobService, sender: WebhookSender, submit: Submit, receiver: Receiver
) -> None:
    receiver.status = 410
    job = submit(webhook_url=receiver.url)
    finish(service)
    sender.send_due()

    assert service.deliveries(job)[0].next_at is None


def test_a_job_that_is_retried_keeps_its_webhook(
    service: JobService, sender: WebhookSender, submit: Submit, receiver: Receiver
) -> None:
    job = submit(webhook_url=receiver.url, webhook_events="failed")
    finish(service, lifecycle.fail)
    again = service.retry(job.id, request_id="r2")
    finish(service, lifecycle.fail)
    sender.send_due()

    assert (again.webhook_url, again.webhook_events, again.request_id) == (receiver.url, "failed", "r2")
    told = {json.loads(body)["data"]["id"] for _, _, body in receiver.requests}
    assert told == {job.id, again.id}


def test_every_job_of_a_batch_is_told_of(
    service: JobService,
    sender: WebhookSender,
    receiver: Receiver,
    picture: Callable[..., bytes],
) -> None:
    photos = [Upload(data=picture(seed=n), field="content", name="content") for n in (2, 3)]
    style = Upload(data=picture(seed=1), field="style", name="style")
    ann = service.for_owner("ann")
    view = submit_batch(
        ann,
        "stylize",
        {},
        contents=photos,
        styles=[style],
        style_ids=[],
        request_id="r3",
        webhook_url=receiver.url,
    )
    ann.batches.cancel(view.batch.id)
    sender.send_due()

    jobs = ann.page(batch_id=view.batch.id).jobs
    assert {job.request_id for job in jobs} == {"r3"}
    told = {json.loads(body)["data"]["id"] for _, _, body in receiver.requests}
    assert told == {job.id for job in jobs}


@pytest.mark.parametrize("status", [302, 307])
def test_a_redirect_counts_as_a_failure(
    service: JobService, sender: WebhookSender, submit: Submit, receiver: Receiver, status: int
) -> None:
    receiver.status, receiver.location = status, receiver.url
    job = submit(webhook_url=receiver.url)
    finish(service)
    sender.send_due()

    assert len(receiver.requests) == 1
    assert "not followed" in (service.deliveries(job)[0].error or "")


def test_a_name_that_turns_private_is_refused_at_dispatch(
    service: JobService, submit: Submit, receiver: Receiver
) -> None:
    job = submit(webhook_url=receiver.url)  # taken, as a name would be
    finish(service)
    strict = service.settings.model_copy(update={"webhook_allow_private": False})
    WebhookSender(strict, service.sessions).send_due()

    assert receiver.requests == []
    assert "not public" in (service.deliveries(job)[0].error or "")


def test_what_a_dead_sender_held_is_taken_again(
    service: JobService, sender: WebhookSender, submit: Submit, receiver: Receiver
) -> None:
    submit(webhook_url=receiver.url)
    finish(service)
    assert sender._claim() is not None  # and then the process dies
    assert sender._claim() is None

    with service.sessions.begin() as session:
        held = session.scalars(select(WebhookDelivery)).one()
        assert held.next_at is not None
        held.next_at -= timedelta(seconds=61)
    assert sender.send_due() == 1


def test_two_senders_share_the_work(service: JobService, submit: Submit, receiver: Receiver) -> None:
    for _ in range(12):
        submit(webhook_url=receiver.url)
        finish(service)
    senders = [WebhookSender(service.settings, service.sessions) for _ in range(2)]

    def drain(sender: WebhookSender) -> None:
        while sender.send_due():
            pass

    threads = [threading.Thread(target=drain, args=(sender,)) for sender in senders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    ids = [headers["webhook-id"] for _, headers, _ in receiver.requests]
    assert len(ids) == len(set(ids)) == 12


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/x",
        "ftp://example.com",
        "https://",
        "https://user:pass@example.com/",
        "https://localhost/x",
        "https://printer.local/",
        "https://metadata.google.internal/",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest",
        "https://100.64.0.1/",
        "https://example.com:99999/",
        "https://exa mple.com/",
        "https://example.com/" + "x" * 2000,
    ],
)
def test_addresses_that_are_refused_at_the_door(url: str) -> None:
    with pytest.raises(InvalidParamsError) as caught:
        check_webhook(url, None, allow_private=False, has_secret=True)

    assert caught.value.errors[0][0] == "webhook_url"


def test_addresses_that_are_taken() -> None:
    for url in ("https://example.com/hook?a=b", "https://1.1.1.1:8443/", "https://[2606:4700::1]/"):
        hook = check_webhook(url, "failed", allow_private=False, has_secret=True)
        assert hook is not None
        assert (hook.url, hook.events) == (url, ("failed",))
    assert check_webhook(None, None, allow_private=False, has_secret=False) is None


@pytest.mark.parametrize(
    ("url", "events", "pointer"),
    [
        ("https://example.com/", "progress", "webhook_events"),
        ("https://example.com/", "", "webhook_events"),
        (None, "failed", "webhook_events"),
    ],
)
def test_events_that_are_refused(url: str | None, events: str, pointer: str) -> None:
    with pytest.raises(InvalidParamsError) as caught:
        check_webhook(url, events, allow_private=False, has_secret=True)

    assert [error[0] for error in caught.value.errors] == [pointer]


def test_no_webhook_without_a_secret() -> None:
    with pytest.raises(InvalidParamsError, match="WEBHOOK_SECRET"):
        check_webhook("https://example.com/", None, allow_private=False, has_secret=False)


@pytest.mark.parametrize("secret", ["short", "whsec_", "whsec_!!!!", "whsec_c2hvcnQ="])
def test_unusable_secrets_are_refused_at_the_start(secret: str) -> None:
    with pytest.raises(ValueError, match="whsec_"):
        webhook_secret_bytes(secret)
    with pytest.raises(ValueError, match="whsec_"):
        Settings(_env_file=None, webhook_secret=secret)


def test_the_secret_is_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    settings = Settings(_env_file=None, webhook_secret=SECRET)
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("x").warning("%r %s", settings, settings)

    assert SECRET not in caplog.text


def test_a_message_outlives_its_job(
    service: JobService, sender: WebhookSender, submit: Submit, receiver: Receiver
) -> None:
    """A job that was deleted, or has expired, while its receiver was down."""
    receiver.status = 503
    deleted = submit(webhook_url=receiver.url)
    finish(service)
    expired = submit(webhook_url=receiver.url, use_cache=False)
    finish(service)
    assert sender.send_due() == 2
    service.delete(deleted.id)
    with service.sessions.begin() as session:
        past = now(session) - timedelta(days=1)
        session.execute(update(Job).where(Job.id == expired.id).values(expires_at=past))
    assert retention.purge(service.sessions) == 1

    let_time_pass(service)
    receiver.requests.clear()
    receiver.status = 200
    assert sender.send_due() == 2

    bodies = [json.loads(body)["data"] for _, _, body in receiver.requests]
    assert {each["id"] for each in bodies} == {deleted.id, expired.id}
    assert {each["status"] for each in bodies} == {"succeeded"}
    with service.sessions() as session:
        assert session.scalars(select(OwedWebhook)).all() == []


def test_a_silent_receiver_delays_no_other_owners_messages(
    service: JobService, sender: WebhookSender, submit: Submit, receiver: Receiver
) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=50) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        for _ in range(10):
            submit("ada", webhook_url=address, use_cache=False)
            finish(service)
        submit("bob", webhook_url=receiver.url)
        finish(service)

        started = sender.start_due()
        assert len(started) == 4  # three of Ada's, and Bob's, which came last
        wait(started, return_when=FIRST_COMPLETED)
        assert len(receiver.requests) == 1
