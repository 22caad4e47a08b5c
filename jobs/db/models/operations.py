"""Tables of what goes on around jobs: tokens for the broker, messages to clients, figures, workers."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from jobs.db.engine import Base


class OutboxMessage(Base):
    """A wake-up token that still has to reach the broker. Written with the job, deleted when sent."""

    __tablename__ = "outbox"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), index=True)
    queue: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    #: Not to be sent before; None: at once.
    due_at: Mapped[datetime | None]


class WebhookDelivery(Base):
    """One message to a job's `webhook_url`. Written with the change that it tells of.

    Waiting while `next_at` is set; afterwards `delivered_at` says whether it arrived.
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


class Counter(Base):
    """A number that only grows, for monitoring. See `jobs.db.counters`."""

    __tablename__ = "counters"

    name: Mapped[str] = mapped_column(String(48), primary_key=True)
    labels: Mapped[str] = mapped_column(String(120), primary_key=True)
    shard: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    value: Mapped[int] = mapped_column(BigInteger())


class WorkerProcess(Base):
    """A worker process that says, again and again, that it is there. See `jobs.queue.workers`."""

    __tablename__ = "workers"

    #: `host:pid`, which the leases of its runs begin with.
    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    #: The queues that it takes jobs of, with spaces between.
    queues: Mapped[str] = mapped_column(String(64))
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]
