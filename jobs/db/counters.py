"""Numbers that only grow: counted where things happen, in that transaction, and read by `/metrics`.

Counting rows instead would cost more with every job that ended, and shrink when old ones are purged.
"""

from __future__ import annotations

import random
from functools import cache

from sqlalchemy import Executable, func, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from jobs.db.models.operations import Counter

#: Rows that share one number, so that workers that finish at the same moment don't queue for one row.
SHARDS = 8

FINISHED = "jobs_finished"
LEASES_EXPIRED = "leases_expired"
CLAIMS_REFUSED = "claims_refused"
WRITES_REFUSED = "writes_refused"
WEBHOOKS_DELIVERED = "webhooks_delivered"
WEBHOOKS_FAILED = "webhooks_failed"


def bump(session: Session, name: str, by: int = 1, **labels: str) -> None:
    """Add `by` to a number, in the transaction of what is counted."""
    values = {
        "name": name,
        "labels": ",".join(f'{key}="{value}"' for key, value in labels.items()),
        # One for a transaction: two that count several things take rows in fewer orders.
        "shard": session.info.setdefault("counter_shard", random.randrange(SHARDS)),
        "value": by,
    }
    session.connection().execute(_statement(session.get_bind().dialect.name), values)


@cache
def _statement(dialect: str) -> Executable:
    insert = postgresql_insert if dialect == "postgresql" else sqlite_insert
    made = insert(Counter)
    return made.on_conflict_do_update(
        index_elements=["name", "labels", "shard"], set_={"value": Counter.value + made.excluded.value}
    )


def totals(session: Session, name: str) -> dict[str, int]:
    """Labels (as Prometheus writes them) → number."""
    rows = session.execute(
        select(Counter.labels, func.sum(Counter.value))
        .where(Counter.name == name)
        .group_by(Counter.labels)
        .order_by(Counter.labels)
    )
    return {labels: int(value) for labels, value in rows}
