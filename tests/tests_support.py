"""What several tests do to a database behind the service's back."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import update

from jobs.db import SessionFactory
from jobs.models import Job


def expire_lease(sessions: SessionFactory, job_id: str) -> None:
    """Let a job's lease have run out long ago."""
    with sessions.begin() as session:
        past = datetime(2020, 1, 1, tzinfo=UTC)
        session.execute(update(Job).where(Job.id == job_id).values(lease_expires_at=past))
