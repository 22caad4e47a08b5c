"""Tables of trainings: datasets, losses, and trained networks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Double, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from jobs.db.engine import Base, new_id
from jobs.db.models.blobs import Blob


class Dataset(Base):
    """A dataset of photographs for trainings. A dataset without an owner is for all."""

    __tablename__ = "datasets"

    id: Mapped[str] = mapped_column(String(64), primary_key=True, default=new_id)
    owner: Mapped[str | None] = mapped_column(ForeignKey("owners.name"), index=True)
    name: Mapped[str] = mapped_column(String(120))
    #: A folder below `DATASET_ROOT`, which workers read; None: the images are rows of `DatasetImage`.
    folder: Mapped[str | None] = mapped_column(String(1000))
    image_count: Mapped[int]
    created_at: Mapped[datetime]


class DatasetImage(Base):
    """A photograph of a dataset."""

    __tablename__ = "dataset_images"

    dataset_id: Mapped[str] = mapped_column(
        ForeignKey("datasets.id", ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sha256: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"), index=True)


class TrainingLoss(Base):
    """The losses of a training at a step."""

    __tablename__ = "training_losses"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    content: Mapped[float | None] = mapped_column(Double)
    style: Mapped[float | None] = mapped_column(Double)
    tv: Mapped[float | None] = mapped_column(Double)
    total: Mapped[float | None] = mapped_column(Double)


class TrainedNetwork(Base):
    """A version of a trained or imported network. A row never changes; retraining adds a version."""

    __tablename__ = "networks"
    __table_args__ = (
        UniqueConstraint("owner", "name", "version", name="uq_networks_owner_name_version"),
        Index("ix_networks_listing", "owner", "created_at"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    owner: Mapped[str] = mapped_column(ForeignKey("owners.name"))
    name: Mapped[str] = mapped_column(String(64))
    version: Mapped[int]
    architecture: Mapped[str] = mapped_column(String(64))
    #: Whether the network has one fixed style; other networks take any style.
    styled: Mapped[bool]
    sha256: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"), index=True)
    #: The picture of its style; the last sample of its training.
    style_sha256: Mapped[str | None] = mapped_column(ForeignKey("blobs.sha256"), index=True)
    sample_sha256: Mapped[str | None] = mapped_column(ForeignKey("blobs.sha256"), index=True)
    job_id: Mapped[str | None] = mapped_column(ForeignKey("jobs.id", ondelete="SET NULL"), index=True)
    settings: Mapped[dict[str, Any]]
    figures: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]

    blob: Mapped[Blob] = relationship(foreign_keys=[sha256], lazy="joined")
