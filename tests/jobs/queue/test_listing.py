from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event
from support.databases import dispose

from jobs.db.engine import make_engine, make_sessions, reading
from jobs.db.models.owners import Owner
from jobs.queue.listing import find_page


@pytest.mark.parametrize(
    ("owner", "filters", "index"),
    [
        ("ann", {}, "ix_jobs_listing"),
        ("ann", {"status": "failed"}, "ix_jobs_owner_status_created"),
        ("ann", {"kind": "train"}, "ix_jobs_owner_kind"),
        (None, {}, "ix_jobs_created"),
    ],
)
def test_a_page_is_read_in_the_order_of_an_index(
    migrated_sqlite_url: str, owner: str | None, filters: dict[str, Any], index: str
) -> None:
    engine = make_engine(migrated_sqlite_url)
    sessions = make_sessions(engine)
    statements: list[tuple[str, Any]] = []

    @event.listens_for(engine, "before_cursor_execute")
    def keep(_c: object, _cursor: object, sql: str, values: Any, *_: object) -> None:
        statements.append((sql, values))

    with sessions.begin() as session:
        session.add(Owner(name="ann"))
    with reading(sessions) as session:
        find_page(session, owner, **filters)
        sql, values = next(each for each in statements if "FROM jobs" in each[0])
        plan = str(session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values).all())
    dispose(engine)

    assert f"USING INDEX {index}" in plan
    assert "TEMP B-TREE" not in plan
