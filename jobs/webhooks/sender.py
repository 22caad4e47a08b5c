"""Sends pending webhook deliveries: at least once, with retries over hours."""

from __future__ import annotations

import logging
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpcore
from sqlalchemy import select, update
from sqlalchemy.exc import SQLAlchemyError

from jobs.db import counters
from jobs.db.engine import SessionFactory, now, reading
from jobs.db.models.jobs import Job
from jobs.db.models.operations import WebhookDelivery
from jobs.db.models.owners import Owner
from jobs.logs import log_context
from jobs.settings import Settings
from jobs.webhooks.delivery import payload, signed_headers
from jobs.webhooks.public_http import AddressRefusedError, post

log = logging.getLogger(__name__)

#: Concurrent deliveries of one process.
MAX_CONCURRENT = 8
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

    def run(self, stop: threading.Event) -> None:
        """Run until `stop` is set. A database error is logged, and sending is tried again later."""
        while not stop.wait(self._settings.dispatch_seconds):
            try:
                while self.send_due() and not stop.is_set():
                    pass
            except SQLAlchemyError as error:
                log.error("webhooks could not be sent: %s", error)

    def send_due(self) -> int:
        """Attempt up to `MAX_CONCURRENT` deliveries that are due; returns how many were attempted."""
        due = self._claim()
        if due:
            with ThreadPoolExecutor(MAX_CONCURRENT) as pool:
                list(pool.map(self._attempt, due))
        return len(due)

    def _claim(self) -> list[str]:
        with self._sessions.begin() as session:
            at = now(session)
            due = session.scalars(
                select(WebhookDelivery.id)
                .where(WebhookDelivery.next_at <= at)
                .order_by(WebhookDelivery.next_at)
                .limit(MAX_CONCURRENT)
                .with_for_update(skip_locked=True)
            ).all()
            session.execute(
                update(WebhookDelivery)
                .where(WebhookDelivery.id.in_(due))
                .values(next_at=at + timedelta(seconds=CLAIM_SECONDS))
            )
        return list(due)

    def _attempt(self, delivery_id: str) -> None:
        with reading(self._sessions) as session:
            delivery = session.get(WebhookDelivery, delivery_id)
            if delivery is None:
                return
            job = session.get_one(Job, delivery.job_id)
            owner = session.get(Owner, job.owner)
        secret = (owner.webhook_secret if owner else None) or self._settings.webhook_secret
        with log_context(job_id=job.id, request_id=job.request_id):
            status, problem = self._send(job, delivery, secret)
            self._record_outcome(delivery, status, problem)

    def _send(self, job: Job, delivery: WebhookDelivery, secret: str) -> tuple[int | None, str | None]:
        """Make one attempt; returns the HTTP status and the problem, each None if there is none."""
        if not secret or not job.webhook_url:
            return None, "No WEBHOOK_SECRET is set to sign with."
        body = payload(job, delivery)
        headers = {
            "content-type": "application/json",
            "user-agent": "Atelier-Webhook/1",
            # The clock of this machine, not the database's: receivers compare it with their own.
            **signed_headers(secret, delivery.id, int(time.time()), body),
        }
        allow_private = self._settings.webhook_allow_private
        try:
            status = post(job.webhook_url, headers, body, allow_private=allow_private)
        except AddressRefusedError as error:
            return None, str(error)
        except (httpcore.TimeoutException, TimeoutError):
            return None, "The receiver did not respond in time."
        except Exception as error:  # servers can make a client raise many types
            log.info("webhook %s could not be sent: %r", delivery.id, error)
            return None, f"The receiver could not be reached ({type(error).__name__})."
        if 200 <= status < 300:
            return status, None
        if 300 <= status < 400:
            return status, f"The receiver answered {status}; redirects are not followed."
        return status, f"The receiver answered {status}."

    def _record_outcome(
        self, delivery: WebhookDelivery, status: int | None, problem: str | None
    ) -> None:
        attempts = delivery.attempts + 1
        given_up = problem and (attempts >= self._settings.webhook_attempts or status == GONE)
        with self._sessions.begin() as session:
            at = now(session)
            delay = None if given_up or not problem else timedelta(seconds=self.retry_delay(attempts))
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
