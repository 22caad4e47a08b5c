"""Numbers of jobs that ended in the last hour, in steps of five minutes, for operators."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import Select, and_, case, func, select
from sqlalchemy.orm import Session

from jobs.db.engine import now
from jobs.db.models.jobs import Job
from jobs.queue.broker import QUEUE_NAMES
from jobs.queue.lifecycle import FINAL

STEP_MINUTES = 5
STEPS = 12


def ended_jobs(session: Session) -> dict[str, list[int]]:
    """Final status → numbers of jobs that ended with it in each step, the oldest step first."""
    found = {str(status): [0] * STEPS for status in sorted(FINAL)}
    for status, *counts in session.execute(select_ended(now(session))):
        found[str(status)] = [int(count) for count in counts]
    return found


def select_ended(at: datetime) -> Select[*tuple[Any, ...]]:
    """SELECT of the counts of each step before `at`, by status; reads the index of finished jobs."""
    edges = [at - timedelta(minutes=STEP_MINUTES * (STEPS - n)) for n in range(STEPS + 1)]
    counts = [
        func.sum(case((and_(Job.finished_at > start, Job.finished_at <= end), 1), else_=0))
        for start, end in pairwise(edges)
    ]
    ended = (Job.queue.in_(QUEUE_NAMES), Job.status.in_(FINAL), Job.finished_at > edges[0])
    return select(Job.status, *counts).where(*ended).group_by(Job.status)
