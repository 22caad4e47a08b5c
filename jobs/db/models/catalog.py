"""Tables of styles, their cached statistics, and network versions."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    ForeignKey,
    LargeBinary,
    String,
    Text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from jobs.db.engine import Base
from jobs.db.models.blobs import Blob


class Style(Base):
    """A registered style image. A style without an owner belongs to the gallery, which all may use."""

    __tablename__ = "styles"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    owner: Mapped[str | None] = mapped_column(ForeignKey("owners.name"), index=True)
    title: Mapped[str] = mapped_column(String(120))
    description: Mapped[str] = mapped_column(Text, default="")
    position: Mapped[int] = mapped_column(default=0)
    sha256: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"), index=True)
    created_at: Mapped[datetime]

    blob: Mapped[Blob] = relationship(lazy="joined")


class StyleStatistics(Base):
    """Cached statistics of a style under one network, so that workers compute them only once.

    `network` names the weights by their hash, `values` are little-endian 32-bit floats.
    """

    __tablename__ = "style_statistics"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    network: Mapped[str] = mapped_column(String(80), primary_key=True)
    values: Mapped[bytes] = mapped_column(LargeBinary)


class NetworkVersion(Base):
    """The weights and release with which the newest worker renders a network."""

    __tablename__ = "network_versions"

    network: Mapped[str] = mapped_column(String(64), primary_key=True)
    version: Mapped[str] = mapped_column(String(120))
    loaded_at: Mapped[datetime]
