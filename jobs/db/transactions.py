"""Transactions that are run again when the database ended them because of a deadlock."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random

from jobs.db.engine import SessionFactory

T = TypeVar("T")

#: Attempts for one transaction; each deadlock lets one of its transactions through.
ATTEMPTS = 6
#: PostgreSQL's codes of a deadlock and of a serialization failure: run the transaction again.
_AGAIN = frozenset({"40P01", "40001"})


def is_deadlock(error: DBAPIError) -> bool:
    """Whether the database rolled a transaction back in favour of another one."""
    return getattr(error.orig, "sqlstate", None) in _AGAIN


_retrying = Retrying(
    stop=stop_after_attempt(ATTEMPTS),
    wait=wait_random(0.004, 0.1),
    retry=retry_if_exception(lambda error: isinstance(error, DBAPIError) and is_deadlock(error)),
    reraise=True,
)


def run_transaction(sessions: SessionFactory, work: Callable[[Session], T]) -> T:
    """Run `work` in one transaction, again after a deadlock. `work` must have no other effects."""

    def run_once() -> T:
        with sessions.begin() as session:
            return work(session)

    return _retrying(run_once)
