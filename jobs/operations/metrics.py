"""Metrics for Prometheus, from SQL, at a cost that does not grow with the number of ended jobs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from jobs.db import counters
from jobs.db.engine import now
from jobs.db.models.jobs import Job
from jobs.db.models.operations import OutboxMessage, WebhookDelivery
from jobs.params.kinds import KINDS
from jobs.queue.broker import QUEUE_NAMES
from jobs.queue.claiming import is_eligible
from jobs.queue.lifecycle import JobStatus

#: Quantiles of wait and run times are taken over so many of the latest succeeded jobs of a kind.
WINDOW = 200
QUANTILES = (0.5, 0.9, 0.99)
#: One label of a counter, as `jobs.db.counters` stores it.
_LABEL = re.compile(r'(\w+)="([^"]*)"')


#: One sample: label names → values, and its number.
Sample = tuple[dict[str, str], float]


def collect_metrics(session: Session) -> list[Metric]:
    """Collect all metrics. Reads open jobs, a window of ended jobs, and counters."""
    at = now(session)
    return [
        *_queues(session, at),
        *_durations(session),
        *_outboxes(session, at),
        *_counters(session),
    ]


def open_jobs() -> Select[str, str, int]:
    """SELECT of the numbers of open jobs, by queue and status."""
    return (
        select(Job.queue, Job.status, func.count())
        .where(Job.status.in_((JobStatus.QUEUED, JobStatus.RUNNING)))
        .group_by(Job.queue, Job.status)
    )


def oldest_queued(at: datetime) -> Select[str, datetime]:
    """SELECT of the time since which the oldest eligible job of each queue has been eligible."""
    return select(Job.queue, func.min(Job.run_at)).where(is_eligible(at)).group_by(Job.queue)


def latest_succeeded(kind: str) -> Select[datetime, datetime | None, datetime | None]:
    """SELECT of the times of the latest succeeded jobs of a kind, without cached results."""
    return (
        select(Job.created_at, Job.started_at, Job.finished_at)
        .where(Job.kind == kind, Job.status == JobStatus.SUCCEEDED, Job.started_at.is_not(None))
        .order_by(Job.finished_at.desc())
        .limit(WINDOW)
    )


def _queues(session: Session, at: datetime) -> list[Metric]:
    counts = {(queue, status): count for queue, status, count in session.execute(open_jobs())}
    oldest = {
        queue: (at - since).total_seconds() for queue, since in session.execute(oldest_queued(at))
    }
    return [
        _gauge(
            "atelier_queue_depth",
            "Queued jobs, by queue.",
            [({"queue": q}, counts.get((q, JobStatus.QUEUED), 0)) for q in QUEUE_NAMES],
        ),
        _gauge(
            "atelier_queue_oldest_seconds",
            "How long the oldest eligible job of the queue has waited; 0 when none does.",
            [({"queue": q}, oldest.get(q, 0.0)) for q in QUEUE_NAMES],
        ),
        _gauge(
            "atelier_running",
            "Running jobs, by queue.",
            [({"queue": q}, counts.get((q, JobStatus.RUNNING), 0)) for q in QUEUE_NAMES],
        ),
    ]


def _durations(session: Session) -> list[Metric]:
    waits: list[Sample] = []
    runs: list[Sample] = []
    for kind in KINDS:
        rows = session.execute(latest_succeeded(kind)).all()
        for samples, values in (
            (waits, [(row.started_at - row.created_at).total_seconds() for row in rows]),
            (runs, [(row.finished_at - row.started_at).total_seconds() for row in rows]),
        ):
            samples += [
                ({"kind": kind, "quantile": f"{quantile:g}"}, quantile_of(values, quantile))
                for quantile in QUANTILES
                if values
            ]
    of = f"of the latest {WINDOW} jobs of a kind that succeeded."
    return [
        _gauge("atelier_wait_seconds", f"From submit to first start, {of}", waits),
        _gauge("atelier_run_seconds", f"From first start to end, {of}", runs),
    ]


def quantile_of(values: list[float], quantile: float) -> float:
    """A quantile (nearest rank): the smallest value that at least this share of values don't exceed."""
    ordered = sorted(values)
    rank = max(1, -(-len(ordered) * round(quantile * 100) // 100))
    return ordered[rank - 1]


def _outboxes(session: Session, at: datetime) -> list[Metric]:
    tokens, since = session.execute(
        select(func.count(), func.min(OutboxMessage.created_at)).select_from(OutboxMessage)
    ).one()
    lag = (at - since).total_seconds() if since else 0.0
    pending, due = session.execute(
        select(func.count(), func.min(WebhookDelivery.next_at)).where(
            WebhookDelivery.next_at.is_not(None)
        )
    ).one()
    late = max(0.0, (at - due).total_seconds()) if due else 0.0
    return [
        _gauge("atelier_outbox_messages", "Tokens not yet published.", [({}, tokens)]),
        _gauge("atelier_outbox_lag_seconds", "Age of the oldest of them.", [({}, lag)]),
        _gauge("atelier_webhooks_pending", "Webhook messages still to be delivered.", [({}, pending)]),
        _gauge("atelier_webhooks_late_seconds", "How long the next one has been due.", [({}, late)]),
    ]


_COUNTED = {
    "atelier_jobs_finished_total": (counters.FINISHED, "Jobs that ended, by kind and status."),
    "atelier_lease_expiries_total": (counters.LEASES_EXPIRED, "Runs whose lease ran out."),
    "atelier_refused_claims_total": (
        counters.CLAIMS_REFUSED,
        "Tokens that found no job: duplicates, or another worker came first.",
    ),
    "atelier_refused_writes_total": (
        counters.WRITES_REFUSED,
        "Writes of runs that had lost their lease, which were refused.",
    ),
    "atelier_webhooks_delivered_total": (
        counters.WEBHOOKS_DELIVERED,
        "Webhook messages that were delivered.",
    ),
    "atelier_webhooks_failed_total": (counters.WEBHOOKS_FAILED, "Webhook messages that were given up."),
}


def _counters(session: Session) -> list[Metric]:
    metrics: list[Metric] = []
    for name, (counter, help_) in _COUNTED.items():
        metric = CounterMetricFamily(name, help_)
        for labels, value in _counted(session, counter):
            metric.add_sample(name, labels, value)
        metrics.append(metric)
    return metrics


def _counted(session: Session, counter: str) -> list[Sample]:
    found = counters.totals(session, counter)
    if counter != counters.FINISHED:
        return [({}, found.get("", 0))]
    return [(dict(_LABEL.findall(labels)), value) for labels, value in found.items()]


def _gauge(name: str, help_: str, samples: Iterable[Sample]) -> Metric:
    metric = GaugeMetricFamily(name, help_)
    for labels, value in samples:
        metric.add_sample(name, labels, value)
    return metric
