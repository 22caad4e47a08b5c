"""Webhook deliveries: queueing, the JSON body, the signature (https://www.standardwebhooks.com)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import uuid
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from jobs.db.models.jobs import Job
from jobs.db.models.operations import WebhookDelivery
from jobs.settings import WEBHOOK_SECRET_PREFIX, webhook_secret_bytes
from jobs.webhooks.webhook import COMPLETED


def enqueue(session: Session, job_id: str, events: str | None, event: str, at: datetime) -> None:
    """Insert a delivery, in the transaction of the change, if `event` is in the subscribed `events`."""
    if events is None or event not in events.split():
        return
    delivery_id = f"msg_{uuid.uuid4().hex}"
    session.add(
        WebhookDelivery(
            id=delivery_id, job_id=job_id, event=event, created_at=at, next_at=at, attempts=0
        )
    )


def payload(job: Job, delivery: WebhookDelivery) -> bytes:
    """The JSON body of a delivery; the same for every attempt once the job has ended."""
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
    """Signature headers, which prove the sender and time of a message; `at` is in Unix seconds."""
    signed = b".".join((delivery_id.encode(), str(at).encode(), body))
    digest = hmac.new(webhook_secret_bytes(secret), signed, hashlib.sha256).digest()
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def new_secret() -> str:
    """A new random secret, in the format of Standard Webhooks."""
    return WEBHOOK_SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
