"""Changes of jobs in a transaction, told to a listener after its commit.

`jobs.queue.lifecycle.record_event` notes every change: each comes with an event.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction

from jobs.db.engine import SessionFactory

#: Keys in a session's `info`: ids of the jobs that its transaction changes, and has changed.
_CHANGING, _CHANGED = "atelier_changing_jobs", "atelier_changed_jobs"


def note_change(session: Session, job_id: str) -> None:
    """Note that the session's transaction changes a job."""
    session.info.setdefault(_CHANGING, set()).add(job_id)


def after_change(sessions: SessionFactory, listener: Callable[[set[str]], object]) -> None:
    """Call `listener` with the ids of changed jobs after each commit of a session of `sessions`.

    `listener` runs in the thread of the commit, after the connection was given back. It must not raise.
    """

    @event.listens_for(sessions, "after_commit")
    def committed(session: Session) -> None:
        if _CHANGING in session.info:
            session.info[_CHANGED] = session.info.pop(_CHANGING)

    @event.listens_for(sessions, "after_rollback")
    def rolled_back(session: Session) -> None:
        session.info.pop(_CHANGING, None)

    @event.listens_for(sessions, "after_transaction_end")
    def ended(session: Session, _: SessionTransaction) -> None:
        if changed := session.info.pop(_CHANGED, None):
            listener(changed)
