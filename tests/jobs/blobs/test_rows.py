"""Rows of blobs on PostgreSQL: jobs with one style don't wait for one another, and a sweep waits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from support.databases import dispose

from jobs.blobs.rows import TOUCH_SECONDS, BeingDeletedError, write_rows
from jobs.db.engine import SessionFactory, make_engine, make_sessions, now
from jobs.db.models.blobs import Blob, BlobDeletion
from jobs.media.pictures import PictureInfo

pytestmark = pytest.mark.integration

INFO = PictureInfo(media_type="image/png", width=1, height=1)
STYLE, FIRST, SECOND = ("5" * 64, 9, INFO), ("1" * 64, 9, INFO), ("9" * 64, 9, INFO)


@pytest.fixture
def sessions(migrated_postgres_url: str) -> Iterator[SessionFactory]:
    engine = make_engine(migrated_postgres_url)
    sessions = make_sessions(engine)
    with sessions.begin() as session:
        write_rows(session, [STYLE], now(session), referred=True)
    yield sessions
    dispose(engine)


def refuse_to_wait(session: Session) -> None:
    """Raise an error instead of waiting for a lock."""
    session.execute(text("SET LOCAL lock_timeout = '50ms'"))


def age(sessions: SessionFactory, seconds: float) -> None:
    with sessions.begin() as session:
        used = now(session) - timedelta(seconds=seconds)
        session.execute(update(Blob).where(Blob.sha256 == STYLE[0]).values(touched_at=used))


def names(sessions: SessionFactory) -> list[str]:
    with sessions() as session:
        return list(session.scalars(select(Blob.sha256).order_by(Blob.sha256)))


def test_jobs_with_the_same_style_do_not_wait_for_one_another(sessions: SessionFactory) -> None:
    with sessions.begin() as one, sessions.begin() as other:
        write_rows(one, [STYLE, FIRST], now(one), referred=True)
        refuse_to_wait(other)
        write_rows(other, [SECOND, STYLE], now(other), referred=True)

    assert names(sessions) == [FIRST[0], STYLE[0], SECOND[0]]


def test_without_a_reference_the_time_of_use_is_updated(sessions: SessionFactory) -> None:
    """Nothing but the time of use then keeps a sweep away, so the other transaction has to wait."""
    with sessions.begin() as one, sessions() as other:
        write_rows(one, [STYLE], now(one))
        refuse_to_wait(other)
        with pytest.raises(OperationalError, match="lock timeout"):
            write_rows(other, [STYLE], now(other))


def test_the_time_of_use_is_updated_once_it_is_old(sessions: SessionFactory) -> None:
    age(sessions, TOUCH_SECONDS + 1)
    with sessions.begin() as session:
        at = now(session)
        write_rows(session, [STYLE, FIRST], at, referred=True)
    with sessions() as session:
        assert session.scalar(select(Blob.touched_at).where(Blob.sha256 == STYLE[0])) == at


def test_a_sweep_waits_for_a_transaction_that_uses_the_file(sessions: SessionFactory) -> None:
    with sessions.begin() as session:
        write_rows(session, [STYLE], now(session), referred=True)
        with sessions() as sweeping:
            refuse_to_wait(sweeping)
            with pytest.raises(OperationalError, match="lock timeout"):
                sweeping.execute(text(f"DELETE FROM blobs WHERE sha256 = '{STYLE[0]}'"))


def test_a_file_whose_old_copy_is_being_deleted_is_refused(sessions: SessionFactory) -> None:
    with sessions.begin() as session:
        session.add(BlobDeletion(sha256=FIRST[0], started_at=now(session)))
    with pytest.raises(BeingDeletedError), sessions.begin() as session:
        write_rows(session, [STYLE, FIRST], now(session), referred=True)

    assert names(sessions) == [STYLE[0]]
