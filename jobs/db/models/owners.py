"""Tables of owners (tenants) and their API keys."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from jobs.db.engine import Base


class Owner(Base):
    """A tenant. Claims are round-robin between tenants, by `last_claimed_at`."""

    __tablename__ = "owners"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    last_claimed_at: Mapped[datetime | None]
    #: Bytes of all files, and when they were summed up (`jobs.blobs.usage`); None: not known.
    stored_bytes: Mapped[int | None] = mapped_column(BigInteger())
    stored_bytes_at: Mapped[datetime | None]
    #: The secret that signs this owner's webhooks; None: the secret of the settings.
    webhook_secret: Mapped[str | None] = mapped_column(String(120))


class ApiKey(Base):
    """An API key of an owner. Only a hash of its secret is stored; see `jobs.accounts.api_keys`."""

    __tablename__ = "api_keys"

    #: The public part of the key, shown in lists and logs.
    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    owner: Mapped[str] = mapped_column(ForeignKey("owners.name"), index=True)
    label: Mapped[str] = mapped_column(String(120), default="")
    #: Scopes, separated by spaces.
    scopes: Mapped[str] = mapped_column(String(64))
    #: The SHA-256 of the secret part.
    secret_hash: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class EndedSession(Base):
    """A browser session that was ended before its cookie expires."""

    __tablename__ = "ended_sessions"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    until: Mapped[datetime]
