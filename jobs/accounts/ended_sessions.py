"""Browser sessions that were ended by a logout before their cookies expire."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from jobs.db.engine import SessionFactory, now, reading
from jobs.db.models.owners import EndedSession


class EndedSessions:
    """Ends sessions by their ids."""

    def __init__(self, sessions: SessionFactory) -> None:
        self._sessions = sessions

    def end(self, session_id: str, seconds: float) -> None:
        """End a session whose cookie is valid for `seconds` at most."""
        with self._sessions.begin() as session:
            until = now(session) + timedelta(seconds=seconds)
            session.merge(EndedSession(id=session_id, until=until))

    def is_ended(self, session_id: str) -> bool:
        """Whether the session was ended."""
        with reading(self._sessions) as session:
            found = select(EndedSession.id).where(EndedSession.id == session_id)
            return session.scalar(found) is not None
