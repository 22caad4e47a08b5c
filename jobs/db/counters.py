"""Monotonic counters for `/metrics`, increased in the transaction of the event that they count.

Counting rows instead would cost more with every ended job, and shrink when old jobs are purged.
"""

from __future__ import annotations

import random
from functools import cache

from sqlalchemy import Executable, func, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from jobs.db.models.operations import Counter

#: Rows of one counter, so that workers that finish at the same moment don't wait for one row lock.
SHARDS = 8

FINISHED = "jobs_finished"
LEASES_EXPIRED = "leases_expired"
CLAIMS_REFUSED = "claims_refused"
WRITES_REFUSED = "writes_refused"
WEBHOOKS_DELIVERED = "webhooks_delivered"
WEBHOOKS_FAILED = "webhooks_failed"
READINESS_CHECKS = "readiness_checks"


def bump(session: Session, name: str, by: int = 1, **labels: str) -> None:
    """Add `by` to a counter, in the transaction of the counted event."""
    values = {
        "name": name,
        "labels": ",".join(f'{key}="{value}"' for key, value in labels.items()),
        # One shard for the whole transaction: transactions with several counters lock rows in fewer
        # different orders.
        "shard": session.info.setdefault("counter_shard", random.randrange(SHARDS)),
        "value": by,
    }
    session.connection().execute(_statement(session.get_bind().dialect.name), values)


@cache
def _statement(dialect: str) -> Executable:
    insert = postgresql_insert if dialect == "postgresql" else sqlite_insert
    statement = insert(Counter)
    return statement.on_conflict_do_update(
        index_elements=["name", "labels", "shard"],
        set_={"value": Counter.value + statement.excluded.value},
    )


def totals(session: Session, name: str) -> dict[str, int]:
    """The sums of a counter: labels (as Prometheus writes them) → value."""
    rows = session.execute(
        select(Counter.labels, func.sum(Counter.value))
        .where(Counter.name == name)
        .group_by(Counter.labels)
        .order_by(Counter.labels)
    )
    return {labels: int(value) for labels, value in rows}
