"""Sends pending webhook deliveries: at least once, with retries over hours."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

import httpcore
from sqlalchemy import delete, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from jobs.db import counters
from jobs.db.engine import SessionFactory, now, reading
from jobs.db.models.jobs import Job
from jobs.db.models.operations import OwedWebhook, WebhookDelivery
from jobs.db.models.owners import Owner
from jobs.logs import log_context
from jobs.settings import Settings
from jobs.webhooks.delivery import payload, signed_headers
from jobs.webhooks.public_http import AddressRefusedError, post

log = logging.getLogger(__name__)

#: Concurrent deliveries of one process.
MAX_CONCURRENT = 8
#: Concurrent deliveries of one owner.
MAX_OF_OWNER = 3
#: Seconds for which a sender has claimed a delivery; longer than any attempt.
CLAIM_SECONDS = 60.0
#: Longest delay between two attempts.
MAX_RETRY_DELAY_SECONDS = 4 * 3600.0
#: HTTP status by which a receiver unsubscribes: no retries.
GONE = 410


class WebhookSender:
    """Sends webhook deliveries. Several senders may run at once: each claims its deliveries."""

    def __init__(self, settings: Settings, sessions: SessionFactory) -> None:
        self._settings = settings
        self._sessions = sessions
        self._pool = ThreadPoolExecutor(MAX_CONCURRENT, thread_name_prefix="webhook")
        self._guard = threading.Lock()
        #: The number of deliveries in work, by owner.
        self._busy: Counter[str] = Counter()

    def run(self, stop: threading.Event) -> None:
        """Run until `stop` is set. A database error is logged, and sending is tried again later."""
        while not stop.wait(min(self._settings.dispatch_seconds, 0.5)):
            try:
                self.start_due()
            except SQLAlchemyError as error:
                log.error("webhooks could not be sent: %s", error)

    def send_due(self) -> int:
        """Attempt the deliveries that are due and fit, and wait for them; returns their number."""
        started = self.start_due()
        for attempt in started:
            attempt.result()
        return len(started)

    def start_due(self) -> list[Future[None]]:
        """Start attempts while there is room: `MAX_CONCURRENT` in all, `MAX_OF_OWNER` of one owner.

        Thus a receiver that is slow delays only the messages of its owner.
        """
        started = []
        while (claimed := self._claim()) is not None:
            started.append(self._pool.submit(self._attempt_claimed, *claimed))
        return started

    def _claim(self) -> tuple[str, str] | None:
        """Claim the delivery that is due first, of an owner who has room; returns its id and owner."""
        with self._guard:
            if self._busy.total() >= MAX_CONCURRENT:
                return None
            full = [owner for owner, count in self._busy.items() if count >= MAX_OF_OWNER]
            with self._sessions.begin() as session:
                at = now(session)
                found = (
                    session.execute(
                        select(WebhookDelivery, Job.owner)
                        .join(Job, Job.id == WebhookDelivery.job_id)
                        .where(WebhookDelivery.next_at <= at, Job.owner.not_in(full))
                        .order_by(WebhookDelivery.next_at)
                        .limit(1)
                        .with_for_update(of=WebhookDelivery, skip_locked=True)
                    ).one_or_none()
                    or session.execute(
                        select(OwedWebhook, OwedWebhook.owner)
                        .where(OwedWebhook.next_at <= at, OwedWebhook.owner.not_in(full))
                        .order_by(OwedWebhook.next_at)
                        .limit(1)
                        .with_for_update(skip_locked=True)
                    ).one_or_none()
                )
                if found is None:
                    return None
                message, owner = found
                message.next_at = at + timedelta(seconds=CLAIM_SECONDS)
            self._busy[owner] += 1
        return message.id, owner

    def _attempt_claimed(self, delivery_id: str, owner: str) -> None:
        try:
            self._attempt(delivery_id)
        except SQLAlchemyError as error:  # tried again once the claim has run out
            log.error("webhook %s could not be sent: %s", delivery_id, error)
        finally:
            with self._guard:
                self._busy[owner] -= 1
                if not self._busy[owner]:
                    del self._busy[owner]

    def _attempt(self, delivery_id: str) -> None:
        with reading(self._sessions) as session:
            delivery = session.get(WebhookDelivery, delivery_id)
            if delivery is None:
                self._attempt_owed(delivery_id)
                return
            job = session.get_one(Job, delivery.job_id)
            secret = self._secret(session, job.owner)
        with log_context(job_id=job.id, request_id=job.request_id):
            body = payload(job, delivery)
            status, problem = self._send(job.webhook_url, body, delivery.id, secret)
            self._record_outcome(delivery, status, problem)

    def _attempt_owed(self, delivery_id: str) -> None:
        """Attempt a message whose job was deleted."""
        with reading(self._sessions) as session:
            owed = session.get(OwedWebhook, delivery_id)
            if owed is None:
                return
            secret = self._secret(session, owed.owner)
        status, problem = self._send(owed.url, owed.body.encode(), owed.id, secret)
        self._record_outcome(owed, status, problem)

    def _secret(self, session: Session, owner_name: str) -> str:
        owner = session.get(Owner, owner_name)
        return (owner.webhook_secret if owner else None) or self._settings.webhook_secret

    def _send(
        self, url: str | None, body: bytes, delivery_id: str, secret: str
    ) -> tuple[int | None, str | None]:
        """Make one attempt; returns the HTTP status and the problem, each None if there is none."""
        if not secret or not url:
            return None, "No WEBHOOK_SECRET is set to sign with."
        headers = {
            "content-type": "application/json",
            "user-agent": "Atelier-Webhook/1",
            # The clock of this machine, not the database's: receivers compare it with their own.
            **signed_headers(secret, delivery_id, int(time.time()), body),
        }
        allow_private = self._settings.webhook_allow_private
        try:
            status = post(url, headers, body, allow_private=allow_private)
        except AddressRefusedError as error:
            return None, str(error)
        except (httpcore.TimeoutException, TimeoutError):
            return None, "The receiver did not respond in time."
        except Exception as error:  # servers can make a client raise many types
            log.info("webhook %s could not be sent: %r", delivery_id, error)
            return None, f"The receiver could not be reached ({type(error).__name__})."
        if 200 <= status < 300:
            return status, None
        if 300 <= status < 400:
            return status, f"The receiver answered {status}; redirects are not followed."
        return status, f"The receiver answered {status}."

    def _record_outcome(
        self, delivery: WebhookDelivery | OwedWebhook, status: int | None, problem: str | None
    ) -> None:
        attempts = delivery.attempts + 1
        given_up = problem and (attempts >= self._settings.webhook_attempts or status == GONE)
        with self._sessions.begin() as session:
            at = now(session)
            delay = None if given_up or not problem else timedelta(seconds=self.retry_delay(attempts))
            owed = OwedWebhook.id == delivery.id
            if delay is None:
                session.execute(delete(OwedWebhook).where(owed))
            else:
                values = {"attempts": attempts, "next_at": at + delay}
                session.execute(update(OwedWebhook).where(owed).values(**values))
            session.execute(
                update(WebhookDelivery)
                .where(WebhookDelivery.id == delivery.id)
                .values(
                    attempts=attempts,
                    status_code=status,
                    error=problem,
                    next_at=None if delay is None else at + delay,
                    delivered_at=None if problem else at,
                )
            )
            if not problem:
                counters.bump(session, counters.WEBHOOKS_DELIVERED)
            elif given_up:
                counters.bump(session, counters.WEBHOOKS_FAILED)
        if problem:
            log.warning("webhook %s, attempt %d: %s", delivery.id, attempts, problem)

    def retry_delay(self, attempts: int) -> float:
        """Seconds until the next attempt: exponential backoff by factor 4, with 10 % jitter."""
        delay = min(
            self._settings.webhook_retry_seconds * 4.0 ** (attempts - 1), MAX_RETRY_DELAY_SECONDS
        )
        return delay * random.uniform(0.9, 1.1)
