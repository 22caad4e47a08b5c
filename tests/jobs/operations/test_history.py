from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import insert

from jobs.db.engine import SessionFactory, new_id, now
from jobs.db.models.jobs import Job
from jobs.db.upserts import ensure_owner
from jobs.operations.history import STEPS, ended_jobs
from jobs.queue.lifecycle import JobStatus

pytestmark = pytest.mark.dialects


def test_ended_jobs_are_counted_by_status_and_step(sessions: SessionFactory) -> None:
    ages = {JobStatus.SUCCEEDED: (1, 1, 4, 6, 59, 61), JobStatus.FAILED: (12,), JobStatus.QUEUED: (2,)}
    with sessions.begin() as session:
        at = now(session)
        ensure_owner(session, "ann")
        rows = [
            {
                "id": new_id(),
                "owner": "ann",
                "kind": "stylize",
                "queue": "stylize",
                "priority": 0,
                "status": status,
                "params": {},
                "max_attempts": 3,
                "attempt": 1,
                "version": 1,
                "run_at": at,
                "created_at": at - timedelta(hours=2),
                "finished_at": None if status is JobStatus.QUEUED else at - timedelta(minutes=minutes),
            }
            for status, each in ages.items()
            for minutes in each
        ]
        session.execute(insert(Job), rows)
    with sessions() as session:
        counts = ended_jobs(session)

    assert list(counts) == ["canceled", "failed", "succeeded"]
    assert counts["succeeded"] == [1, *[0] * (STEPS - 3), 1, 3]
    assert counts["failed"] == [*[0] * (STEPS - 3), 1, 0, 0]
    assert counts["canceled"] == [0] * STEPS
