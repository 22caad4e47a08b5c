"""Changes of jobs in a transaction, told to a listener after its commit.

`jobs.queue.lifecycle.record_event` notes every change: each comes with an event.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import event
from sqlalchemy.orm import Session

from jobs.db.engine import SessionFactory

#: Key in a session's `info`: ids of the jobs that its transaction has changed.
_CHANGED = "atelier_changed_jobs"


def note_change(session: Session, job_id: str) -> None:
    """Note that the session's transaction changes a job."""
    session.info.setdefault(_CHANGED, set()).add(job_id)


def after_change(sessions: SessionFactory, tell: Callable[[set[str]], object]) -> None:
    """Call `tell` with the ids of changed jobs after each commit of a session of `sessions`.

    `tell` runs in the thread of the commit and must not raise an error.
    """

    @event.listens_for(sessions, "after_commit")
    def committed(session: Session) -> None:
        if changed := session.info.pop(_CHANGED, None):
            tell(changed)

    @event.listens_for(sessions, "after_rollback")
    def rolled_back(session: Session) -> None:
        session.info.pop(_CHANGED, None)
