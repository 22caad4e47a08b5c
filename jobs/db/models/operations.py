"""Tables of the outbox, webhook deliveries, counters and worker processes."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from jobs.db.engine import Base


class OutboxMessage(Base):
    """A token that was not yet sent to the broker. Written with the job, deleted once sent."""

    __tablename__ = "outbox"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), index=True)
    queue: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    #: Earliest time to send the token; None: at once.
    due_at: Mapped[datetime | None]


class WebhookDelivery(Base):
    """A message to the `webhook_url` of a job. Written in the transaction of the change it reports.

    Pending while `next_at` is set; afterwards `delivered_at` is set if it was delivered.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index("ix_webhook_deliveries_due", "next_at"),
        Index("ix_webhook_deliveries_job", "job_id", "created_at"),
    )

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    event: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int] = mapped_column(default=0)
    status_code: Mapped[int | None]
    error: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[datetime]
    next_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]


class OwedWebhook(Base):
    """A pending message of a job that was deleted. The row is deleted once it is sent or given up."""

    __tablename__ = "owed_webhooks"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    owner: Mapped[str] = mapped_column(String(64))
    url: Mapped[str] = mapped_column(String(2000))
    body: Mapped[str] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime] = mapped_column(index=True)


class UsedId(Base):
    """The id of a deleted job, which no other owner may choose: links and caches may still name it."""

    __tablename__ = "used_ids"

    job_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    owner: Mapped[str] = mapped_column(String(64))
    deleted_at: Mapped[datetime] = mapped_column(index=True)


class Counter(Base):
    """One shard of a monotonic counter, for monitoring. See `jobs.db.counters`."""

    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(String(48), primary_key=True)
    labels: Mapped[str] = mapped_column(String(120), primary_key=True)
    shard: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    value: Mapped[int] = mapped_column(BigInteger())


class WorkerProcess(Base):
    """The heartbeat of a worker process. See `jobs.queue.workers`."""

    __tablename__ = "workers"

    #: `host:pid`, the prefix of the lease owners of its runs.
    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    #: The queues whose jobs it claims, separated by spaces.
    queues: Mapped[str] = mapped_column(String(64))
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]
