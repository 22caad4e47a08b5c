"""Webhooks: what is told, to whom, and how it is signed (https://www.standardwebhooks.com)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from jobs.dispatch_models import WebhookDelivery
from jobs.errors import InvalidParamsError
from jobs.models import Job, Owner
from jobs.public_address import is_public, literal_address

if TYPE_CHECKING:
    from jobs.settings import Settings

#: Statuses that can be told of. `completed` stands for the last three.
EVENTS = ("running", "succeeded", "failed", "canceled")
COMPLETED = EVENTS[1:]
PREFIX = "whsec_"
#: Names that lead home without looking like it.
_HOME = ("localhost", "local", "internal", "localdomain")


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """Who is told of a job, and of which events."""

    url: str
    events: tuple[str, ...]


def check_webhook(
    url: str | None, events: str | None, *, allow_private: bool, has_secret: bool
) -> Webhook | None:
    """The webhook that a request asks for. Raises `InvalidParamsError`.

    `events` are words of `EVENTS`, or `completed`, with commas between; left out, `completed`.
    """
    if url is None:
        if events is not None:
            raise InvalidParamsError([("webhook_events", "This needs a webhook_url.")])
        return None
    problem = _wrong_with(url, allow_private) or (
        None if has_secret else "Webhooks are off here: no WEBHOOK_SECRET is set to sign them with."
    )
    problems = [("webhook_url", problem)] if problem else []
    asked = ("completed" if events is None else events).replace(",", " ").split()
    unknown = sorted(set(asked) - {*EVENTS, "completed"})
    if unknown or not asked:
        known = ", ".join((*EVENTS, "completed"))
        problems.append(("webhook_events", f"Use {known}, with commas between."))
    if problems:
        raise InvalidParamsError(problems)
    wanted = {*asked, *(COMPLETED if "completed" in asked else ())}
    return Webhook(url=url, events=tuple(event for event in EVENTS if event in wanted))


def find_webhook(
    settings: Settings, session: Session, owner: str, url: str | None, events: str | None
) -> Webhook | None:
    """The webhook that an owner's request asks for. Raises `InvalidParamsError`."""
    has_secret = bool(settings.webhook_secret)
    if url is not None and not has_secret:
        row = session.get(Owner, owner)
        has_secret = row is not None and row.webhook_secret is not None
    allow_private = settings.webhook_allow_private
    return check_webhook(url, events, allow_private=allow_private, has_secret=has_secret)


def _wrong_with(url: str, allow_private: bool) -> str | None:
    if len(url) > 2000 or not url.isascii() or not url.isprintable() or " " in url:
        return "This is not an address: at most 2000 characters of plain ASCII."
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "This is not an address."
    if parts.scheme not in ({"https", "http"} if allow_private else {"https"}):
        return "The address must start with https://."
    if not host or parts.username is not None or parts.password is not None:
        return "The address needs a host, and no user name or password."
    if allow_private:
        return None
    literal = literal_address(host)
    home = host.rstrip(".").rpartition(".")[2] in _HOME
    if home or (literal is not None and not is_public(literal)):
        return "The address must be a public one."
    return None


def enqueue(session: Session, job_id: str, words: str | None, event: str, at: datetime) -> None:
    """Write a delivery, in the transaction of the change, if `event` is among the `words` asked for."""
    if words is None or event not in words.split():
        return
    delivery_id = f"msg_{uuid.uuid4().hex}"
    session.add(
        WebhookDelivery(
            id=delivery_id, job_id=job_id, event=event, created_at=at, next_at=at, attempts=0
        )
    )


def payload(job: Job, delivery: WebhookDelivery) -> bytes:
    """The body. The same for every attempt at a delivery, once the job has ended."""
    base = f"/v1/jobs/{job.id}"
    outputs = [
        {
            "role": file.role,
            "media_type": file.blob.media_type,
            "bytes": file.blob.size,
            "sha256": file.sha256,
            "url": f"{base}/output" + (f"?index={file.position}" if file.position else ""),
        }
        for file in job.outputs
    ]
    ended = delivery.event in COMPLETED
    data: dict[str, Any] = {
        "id": job.id,
        "kind": job.kind,
        "status": delivery.event,
        "attempt": job.attempt,
        "error": job.error if delivery.event == "failed" else None,
        "outputs": outputs if ended else [],
        "url": base,
    }
    return json.dumps(
        {"type": f"job.{delivery.event}", "timestamp": delivery.created_at.isoformat(), "data": data}
    ).encode()


def signed_headers(secret: str, delivery_id: str, at: int, body: bytes) -> dict[str, str]:
    """The headers that prove where a message comes from and when it was sent. `at` in Unix seconds."""
    signed = b".".join((delivery_id.encode(), str(at).encode(), body))
    digest = hmac.new(secret_bytes(secret), signed, hashlib.sha256).digest()
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def new_secret() -> str:
    """A secret to sign with, in the form that receivers' libraries take."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def secret_bytes(secret: str) -> bytes:
    """The key in a secret. Raises `ValueError` unless it is `whsec_` and 24 to 64 bytes of base64."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not secret.startswith(PREFIX) or not 24 <= len(key) <= 64:
        raise ValueError("A webhook secret is whsec_ and 24 to 64 bytes in base64.")
    return key
