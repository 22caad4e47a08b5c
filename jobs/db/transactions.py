"""Transactions that are run again when the database ended them because of a deadlock."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from jobs.db.engine import SessionFactory

T = TypeVar("T")

#: Attempts for one transaction; each deadlock lets one of its transactions through.
ATTEMPTS = 6
#: PostgreSQL's codes of a deadlock and of a serialization failure: run the transaction again.
_AGAIN = frozenset({"40P01", "40001"})


def is_deadlock(error: DBAPIError) -> bool:
    """Whether the database rolled a transaction back in favour of another one."""
    return getattr(error.orig, "sqlstate", None) in _AGAIN


def run_transaction(sessions: SessionFactory, work: Callable[[Session], T]) -> T:
    """Run `work` in one transaction, again after a deadlock. `work` must have no other effects."""
    for attempt in range(1, ATTEMPTS):
        try:
            with sessions.begin() as session:
                return work(session)
        except DBAPIError as error:
            if not is_deadlock(error):
                raise
        time.sleep(random.uniform(0.2, 1.0) * 0.02 * attempt)
    with sessions.begin() as session:
        return work(session)
