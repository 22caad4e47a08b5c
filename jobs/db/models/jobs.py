"""Tables of jobs, their files, events and batches, and of paused queues."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    String,
    UniqueConstraint,
    false,
    text,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from jobs.db.engine import Base, new_id
from jobs.db.models.blobs import Blob


class QueueState(Base):
    """Pause state of a queue. A queue without a row is not paused."""

    __tablename__ = "queues"

    name: Mapped[str] = mapped_column(String(16), primary_key=True)
    paused_at: Mapped[datetime | None]


class Batch(Base):
    """A batch: jobs that were submitted together, all or none."""

    __tablename__ = "batches"
    __table_args__ = (
        UniqueConstraint("owner", "idempotency_key", name="uq_batches_owner_idempotency_key"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    owner: Mapped[str] = mapped_column(ForeignKey("owners.name"))
    idempotency_key: Mapped[str | None] = mapped_column(String(200))
    request_hash: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime]


def _partial_index(name: str, columns: list[str], condition: str) -> Index:
    """A partial index, which costs nothing for rows that don't meet the condition."""
    return Index(name, *columns, postgresql_where=text(condition), sqlite_where=text(condition))


#: Columns of a covering index: claims and positions read the index and no rows.
_CLAIM_COLUMNS = [
    *("queue", "priority", "owner", "created_at", "id"),
    *("run_at", "paused_at", "cancel_at", "status"),
]


class Job(Base):
    """A job. `jobs.queue.lifecycle` holds every change of `status`."""

    __tablename__ = "jobs"
    __table_args__ = (
        _partial_index("ix_jobs_queued", _CLAIM_COLUMNS, "status = 'queued'"),
        Index("ix_jobs_created", "created_at", "id"),
        Index("ix_jobs_listing", "owner", "created_at", "id"),
        Index("ix_jobs_owner_kind", "owner", "kind", "created_at", "id"),
        Index("ix_jobs_owner_status_created", "owner", "status", "created_at", "id"),
        Index("ix_jobs_lease", "status", "lease_expires_at"),
        Index("ix_jobs_finished", "queue", "status", "finished_at"),
        Index("ix_jobs_result", "owner", "result_key"),
        _partial_index("ix_jobs_batch", ["batch_id", "status"], "batch_id IS NOT NULL"),
        _partial_index("ix_jobs_retried_from", ["retried_from"], "retried_from IS NOT NULL"),
        _partial_index("ix_jobs_cancel_at", ["cancel_at"], "cancel_at IS NOT NULL"),
        _partial_index("ix_jobs_dead", ["owner", "created_at"], "dead"),
        _partial_index("ix_jobs_dataset", ["dataset_id"], "dataset_id IS NOT NULL"),
        Index("ix_jobs_kind_finished", "kind", "status", "finished_at"),
        UniqueConstraint("owner", "idempotency_key", name="uq_jobs_owner_idempotency_key"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    owner: Mapped[str] = mapped_column(ForeignKey("owners.name"))
    kind: Mapped[str] = mapped_column(String(16))
    queue: Mapped[str] = mapped_column(String(16))
    priority: Mapped[int] = mapped_column(default=0)
    status: Mapped[str] = mapped_column(String(16))
    params: Mapped[dict[str, Any]]
    #: The client's idempotency key, and the SHA-256 of the request.
    idempotency_key: Mapped[str | None] = mapped_column(String(200))
    request_hash: Mapped[str | None] = mapped_column(String(64))
    #: The id of the HTTP request that submitted the job, for logs.
    request_id: Mapped[str | None] = mapped_column(String(64))
    #: The webhook's URL and its events: space-separated words of `jobs.webhooks.webhook.EVENTS`.
    webhook_url: Mapped[str | None] = mapped_column(String(2000))
    webhook_events: Mapped[str | None] = mapped_column(String(80))

    attempt: Mapped[int] = mapped_column(default=0)
    max_attempts: Mapped[int]
    lease_owner: Mapped[str | None] = mapped_column(String(120))
    lease_expires_at: Mapped[datetime | None]
    run_at: Mapped[datetime]
    cancel_requested_at: Mapped[datetime | None]
    #: Deadline at which the job is canceled; reason of a cancel (`CancelReason`).
    cancel_at: Mapped[datetime | None]
    cancel_reason: Mapped[str | None] = mapped_column(String(16))

    #: Trainings: since when paused (not claimed); when an early end was requested; step of the newest
    #: checkpoint; attempts that don't count because a checkpoint came after them.
    paused_at: Mapped[datetime | None]
    finish_requested_at: Mapped[datetime | None]
    checkpoint_step: Mapped[int | None]
    forgiven: Mapped[int] = mapped_column(default=0, server_default="0")
    dataset_id: Mapped[str | None] = mapped_column(ForeignKey("datasets.id", ondelete="SET NULL"))

    batch_id: Mapped[str | None] = mapped_column(ForeignKey("batches.id", ondelete="SET NULL"))
    retried_from: Mapped[str | None] = mapped_column(ForeignKey("jobs.id", ondelete="SET NULL"))
    #: Dead letter: failed with a retryable error and no attempt left.
    dead: Mapped[bool] = mapped_column(default=False, server_default=false())

    #: Whether a cached result may answer the job, and whether one did.
    use_cache: Mapped[bool] = mapped_column(default=True, server_default=true())
    cached: Mapped[bool] = mapped_column(default=False, server_default=false())
    #: The SHA-256 of kind, parameters and inputs; the weights that made the output (`NetworkVersion`).
    result_key: Mapped[str | None] = mapped_column(String(64))
    network_version: Mapped[str | None] = mapped_column(String(120))

    progress: Mapped[dict[str, Any] | None]
    metrics: Mapped[dict[str, Any] | None]
    error: Mapped[dict[str, Any] | None]
    #: Increased with every change of the row; it is the ETag.
    version: Mapped[int] = mapped_column(default=1)

    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    #: Maintenance deletes the ended job after this time. None: never.
    expires_at: Mapped[datetime | None] = mapped_column(index=True)

    files: Mapped[list[JobFile]] = relationship(
        back_populates="job", order_by="JobFile.position", lazy="selectin"
    )

    @property
    def attempts_left(self) -> int:
        """The number of attempts left. Attempts with a later checkpoint don't count."""
        return self.max_attempts - (self.attempt - self.forgiven)

    @property
    def inputs(self) -> list[JobFile]:
        """Input files of the job."""
        return [file for file in self.files if file.direction == "input"]

    @property
    def outputs(self) -> list[JobFile]:
        """Output files of the job."""
        return [file for file in self.files if file.direction == "output"]


class JobFile(Base):
    """A file of a job: the blob that it reads (`input`) or made (`output`), with its role."""

    __tablename__ = "job_files"
    __table_args__ = (Index("ix_job_files_job", "job_id", "direction", "position"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    direction: Mapped[str] = mapped_column(String(8))
    role: Mapped[str] = mapped_column(String(16))
    position: Mapped[int] = mapped_column(default=0)
    sha256: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"), index=True)

    job: Mapped[Job] = relationship(back_populates="files")
    blob: Mapped[Blob] = relationship(lazy="joined")


class JobEvent(Base):
    """An event in a job's history. `seq` orders all events and is the id of a server-sent event."""

    __tablename__ = "job_events"
    __table_args__ = (Index("ix_job_events_job", "job_id", "seq"), {"sqlite_autoincrement": True})

    seq: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    type: Mapped[str] = mapped_column(String(16))
    data: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
