"""Tables of blobs and uploads."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    ForeignKey,
    Index,
    String,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from jobs.db.engine import Base, new_id


class Blob(Base):
    """A blob: a stored file, identified by its SHA-256."""

    __tablename__ = "blobs"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    size: Mapped[int]
    media_type: Mapped[str] = mapped_column(String(64))
    width: Mapped[int | None]
    height: Mapped[int | None]
    created_at: Mapped[datetime]
    #: Time of the last use. A sweep deletes an unreferenced blob some time after that.
    touched_at: Mapped[datetime] = mapped_column(index=True)


class BlobDeletion(Base):
    """A blob whose bytes are being deleted: its row in `blobs` is gone, its bytes may still be there.

    Nobody stores the same bytes until the store has confirmed the deletion: a slow one would take the
    new copy along.
    """

    __tablename__ = "blob_deletions"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    started_at: Mapped[datetime] = mapped_column(index=True)


class StoredUpload(Base):
    """A picture that was uploaded before the jobs that name it."""

    __tablename__ = "uploads"
    __table_args__ = (Index("ix_uploads_owner", "owner", "created_at"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    owner: Mapped[str] = mapped_column(ForeignKey("owners.name"))
    sha256: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None] = mapped_column(index=True)

    blob: Mapped[Blob] = relationship(lazy="joined")
