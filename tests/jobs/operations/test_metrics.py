from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import Engine, insert, text, update
from sqlalchemy.dialects import postgresql, sqlite

from jobs.db import counters
from jobs.db.engine import SessionFactory, new_id, now
from jobs.db.models.jobs import Job
from jobs.db.models.operations import OutboxMessage, WebhookDelivery
from jobs.db.upserts import ensure_owner
from jobs.operations.metrics import (
    WINDOW,
    collect_metrics,
    latest_succeeded,
    oldest_queued,
    open_jobs,
    quantile_of,
)
from jobs.queue import lifecycle
from jobs.queue.lifecycle import JobStatus

pytestmark = pytest.mark.dialects


def add(sessions: SessionFactory, number: int, status: JobStatus, **values: object) -> list[str]:
    """Rows of jobs, one second apart; the finished ones waited 2 s and ran 3 s."""
    with sessions.begin() as session:
        at = now(session)
        ensure_owner(session, "ann")
        rows = [
            {
                "id": new_id(),
                "owner": "ann",
                "kind": "stylize",
                "queue": "stylize",
                "priority": 0,
                "status": status,
                "params": {},
                "max_attempts": 3,
                "attempt": 1,
                "version": 1,
                "run_at": at - timedelta(seconds=100 + index),
                "created_at": at - timedelta(seconds=100 + index),
                "started_at": at - timedelta(seconds=98 + index),
                "finished_at": at - timedelta(seconds=95 + index),
                **values,
            }
            for index in range(number)
        ]
        session.execute(insert(Job), rows)
        return [str(row["id"]) for row in rows]


def shown(sessions: SessionFactory) -> dict[str, float]:
    with sessions() as session:
        return {
            sample.name + labels_of(sample.labels): sample.value
            for metric in collect_metrics(session)
            for sample in metric.samples
        }


def labels_of(labels: dict[str, str]) -> str:
    """As Prometheus writes them."""
    inside = ",".join(f'{name}="{value}"' for name, value in labels.items())
    return f"{{{inside}}}" if labels else ""


def test_a_job_that_another_answered_never_ran_and_counts_for_nothing(
    sessions: SessionFactory,
) -> None:
    add(sessions, 3, JobStatus.SUCCEEDED)
    add(sessions, 1, JobStatus.SUCCEEDED, started_at=None)

    values = shown(sessions)

    assert values['atelier_wait_seconds{kind="stylize",quantile="0.5"}'] == 2
    assert values['atelier_run_seconds{kind="stylize",quantile="0.5"}'] == 3


def test_an_idle_service(sessions: SessionFactory) -> None:
    values = shown(sessions)

    assert values['atelier_queue_depth{queue="stylize"}'] == 0
    assert values['atelier_queue_oldest_seconds{queue="train"}'] == 0
    assert values["atelier_outbox_lag_seconds"] == 0
    assert values["atelier_lease_expiries_total"] == 0
    assert not any("quantile" in name for name in values)


def test_a_busy_service(sessions: SessionFactory) -> None:
    ids = add(sessions, 3, JobStatus.QUEUED)
    add(sessions, 2, JobStatus.RUNNING)
    add(sessions, 5, JobStatus.SUCCEEDED)
    with sessions.begin() as session:
        ago = now(session) - timedelta(seconds=40)
        session.add(OutboxMessage(job_id=ids[0], queue="stylize", created_at=ago))
        for name, next_at in (("a", ago), ("b", now(session) + timedelta(hours=1)), ("c", None)):
            session.add(
                WebhookDelivery(id=name, job_id=ids[0], event="failed", created_at=ago, next_at=next_at)
            )

    values = shown(sessions)

    assert values['atelier_queue_depth{queue="stylize"}'] == 3
    assert values['atelier_running{queue="stylize"}'] == 2
    assert values['atelier_queue_oldest_seconds{queue="stylize"}'] == pytest.approx(102, abs=30)
    assert values['atelier_wait_seconds{kind="stylize",quantile="0.5"}'] == pytest.approx(2)
    assert values['atelier_run_seconds{kind="stylize",quantile="0.99"}'] == pytest.approx(3)
    assert values["atelier_outbox_messages"] == 1
    assert values["atelier_outbox_lag_seconds"] == pytest.approx(40, abs=30)
    assert values["atelier_webhooks_pending"] == 2
    assert values["atelier_webhooks_late_seconds"] == pytest.approx(40, abs=30)


@pytest.mark.parametrize("why", ["paused_at", "cancel_at", "run_at"])
def test_a_job_that_nobody_may_take_is_not_late(sessions: SessionFactory, why: str) -> None:
    """A training that its owner paused for a day must not call an operator."""
    [waits] = add(sessions, 1, JobStatus.QUEUED)
    with sessions.begin() as session:
        seconds = 3600 if why == "run_at" else -1
        values = {why: now(session) + timedelta(seconds=seconds)}
        session.execute(update(Job).where(Job.id == waits).values(**values))

    values = shown(sessions)

    assert values['atelier_queue_depth{queue="stylize"}'] == 1
    assert values['atelier_queue_oldest_seconds{queue="stylize"}'] == 0


def test_ends_and_expiries_are_counted_for_good(sessions: SessionFactory) -> None:
    ids = add(sessions, 3, JobStatus.QUEUED)
    with sessions.begin() as session:
        lifecycle.cancel(session, ids[0])
        for end in (lifecycle.succeed, lifecycle.fail):
            run = lifecycle.claim(session, "stylize", "w", 60)
            assert run is not None
            end(session, run, {})
    add(sessions, 2, JobStatus.RUNNING, lease_owner="w", lease_expires_at=None)
    with sessions.begin() as session:
        session.execute(
            text("UPDATE jobs SET lease_expires_at = '2020-01-01 00:00:00' WHERE status = 'running'")
        )
        assert len(lifecycle.reap(session)) == 2
        session.execute(text("DELETE FROM jobs WHERE status IN ('canceled', 'failed')"))

    values = shown(sessions)

    for status in ("canceled", "succeeded", "failed"):
        assert values[f'atelier_jobs_finished_total{{kind="stylize",status="{status}"}}'] == 1
    assert values["atelier_lease_expiries_total"] == 2


def test_counters_add_up_over_their_shards(sessions: SessionFactory) -> None:
    for _ in range(40):
        with sessions.begin() as session:
            counters.bump(session, "x", 2, kind="a")
    with sessions.begin() as session:
        counters.bump(session, "x", kind="b")

    with sessions() as session:
        assert counters.totals(session, "x") == {'kind="a"': 80, 'kind="b"': 1}


@pytest.mark.exhaustive
def test_ended_jobs_are_not_read(engine: Engine, sessions: SessionFactory) -> None:
    """With thousands of ended jobs, every query goes through an index and reads few rows."""
    add(sessions, 20_000, JobStatus.SUCCEEDED)
    add(sessions, 3, JobStatus.QUEUED)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    with sessions() as session:
        at = now(session)
        queries = [open_jobs(), oldest_queued(at), latest_succeeded("stylize")]
        for query in queries:
            assert rows_read(session.connection(), query) <= WINDOW + 10, query


def rows_read(connection: object, query: object) -> int:
    """Rows that PostgreSQL looked at; for SQLite, 0 if an index is searched for every condition."""
    dialect = connection.dialect  # type: ignore[attr-defined]
    compile_with = postgresql.dialect() if dialect.name == "postgresql" else sqlite.dialect()
    sql = str(query.compile(dialect=compile_with, compile_kwargs={"literal_binds": True}))
    if dialect.name == "postgresql":
        plan = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, COSTS off, TIMING off) {sql}")
        lines = [row[0] for row in plan]
        assert not any("Seq Scan" in line for line in lines), lines
        removed = sum(int(n) for line in lines for n in re.findall(r"Rows Removed.*: (\d+)", line))
        scans = [line for line in lines if "Scan" in line]
        return removed + max(
            int(float(n)) for line in scans for n in re.findall(r"actual rows=([\d.]+)", line)
        )
    steps = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}")]
    assert any("SEARCH jobs USING" in step and "status=?" in step for step in steps), steps
    assert not any(step.startswith("SCAN jobs") for step in steps), steps
    assert "ORDER BY" not in sql or not any("TEMP B-TREE FOR ORDER" in step for step in steps), steps
    return 0


@pytest.mark.parametrize(("quantile", "expected"), [(0.5, 50), (0.9, 90), (0.99, 99)])
def test_quantiles(quantile: float, expected: float) -> None:
    assert quantile_of([float(number) for number in range(100, 0, -1)], quantile) == expected
    assert quantile_of([7.0], quantile) == 7.0
