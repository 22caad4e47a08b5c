"""The measurements of a service."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, insert, text

from bench.service.clients import Caller, Measured, hammer, measured
from bench.service.subjects import Subject, finish
from jobs.db.engine import new_id
from jobs.db.models.jobs import Job
from jobs.db.upserts import ensure_owner
from jobs.service import LOCAL_OWNER

#: Side of small pictures in pixels, so that the network takes little of the time.
SIZE = 64


def submits(subject: Subject, clients: int, requests: int) -> Measured:
    """Submits of 1 MB photos, without workers."""
    return hammer(subject.port, clients, requests, lambda caller: subject.submit(caller, SIZE))


def polls(subject: Subject, requests: int) -> Measured:
    """Status polls of one job by eight clients."""
    caller = Caller(subject.port)
    job_id = subject.submit(caller, SIZE)
    caller.close()
    return hammer(subject.port, 8, requests, lambda caller: subject.status(caller, job_id))


def overhead(subject: Subject, jobs: int) -> Measured:
    """Time from submit to result on an idle service, minus the network's time."""
    caller, times = Caller(subject.port), []
    started = time.perf_counter()
    for _ in range(jobs):
        sent = time.perf_counter()
        job_id = subject.make(caller, SIZE)
        took = time.perf_counter() - sent
        times.append(took - subject.network_seconds(caller, job_id))
    caller.close()
    return measured(1, times, time.perf_counter() - started)


def throughput(subject: Subject, workers: int, jobs: int) -> float:
    """Jobs per second with warm workers, from the first submit to the last end."""
    subject.start_workers(workers)
    caller = Caller(subject.port)
    started = time.perf_counter()
    finish(subject, caller, [subject.submit(caller, SIZE) for _ in range(jobs)])
    took = time.perf_counter() - started
    caller.close()
    subject.stop_workers()
    return round(jobs / took, 2)


def memory(subject: Subject, jobs: int) -> list[dict[str, Any]]:
    """Memory in MB of each process after a tenth of the jobs and after all, with one worker."""
    subject.start_workers(1)
    caller, marks = Caller(subject.port), list[dict[str, Any]]()
    for number in (jobs // 10, jobs - jobs // 10):
        for start in range(0, number, 100):
            finish(
                subject,
                caller,
                [subject.submit(caller, SIZE) for _ in range(min(100, number - start))],
            )
        marks.append({"jobs": number + sum(m["jobs"] for m in marks), **subject.fleet.memory_mb()})
    caller.close()
    subject.stop_workers()
    return marks


def latencies(subject: Subject, requests: int) -> dict[str, Measured]:
    """Latencies, with one client, of calls that might slow down with the number of ended jobs."""
    caller = Caller(subject.port)
    waiting = subject.submit(caller, SIZE)
    caller.close()
    calls = {
        "submit": lambda caller: subject.submit(caller, SIZE),
        "poll": lambda caller: subject.status(caller, waiting),
        "list": lambda caller: caller.call("GET", "/v1/jobs?limit=20"),
        "metrics": lambda caller: caller.call("GET", "/metrics"),
    }
    return {name: hammer(subject.port, 1, requests, act) for name, act in calls.items()}


def add_finished(engine: Engine, number: int) -> None:
    """Insert rows of succeeded jobs, one second apart, in the past."""
    from jobs.db.engine import make_sessions

    sessions, at = make_sessions(engine), datetime.now(UTC) - timedelta(days=3)
    for start in range(0, number, 5_000):
        rows = []
        for index in range(start, min(number, start + 5_000)):
            created = at + timedelta(seconds=index)
            rows.append(
                {
                    "id": new_id(),
                    "owner": LOCAL_OWNER,
                    "kind": "stylize",
                    "queue": "stylize",
                    "priority": 0,
                    "status": "succeeded",
                    "params": {},
                    "metrics": {"run_s": 0.1},
                    "attempt": 1,
                    "max_attempts": 3,
                    "version": 3,
                    "run_at": created,
                    "created_at": created,
                    "started_at": created + timedelta(seconds=1),
                    "finished_at": created + timedelta(seconds=2),
                }
            )
        with sessions.begin() as session:
            ensure_owner(session, LOCAL_OWNER)
            session.execute(insert(Job), rows)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
