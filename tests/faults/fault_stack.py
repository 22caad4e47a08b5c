"""The service as real processes: two workers, and ways to hurt each."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import redis
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from support.service_stack import Stack

from jobs.db import counters
from jobs.db.engine import make_engine, make_sessions, reading
from jobs.db.models.jobs import Job, JobEvent
from jobs.local.processes import STYLIZE
from jobs.queue.lifecycle import JobStatus

WORKERS = ("worker-1", "worker-2")
EVERYTHING = ("redis", "web", *WORKERS, "maintenance")


class FaultStack(Stack):
    """A stack that a test hurts, with a look into its database."""

    def __init__(self, home: Path, database_url: str, **environment: str) -> None:
        super().__init__(home, database_url)
        del self.commands["worker"]
        for name in WORKERS:
            self.commands[name] = STYLIZE.replace("%h", f"{name}-{self.port}").split()
        # Infrastructure fails here far more often than any job should have to bear.
        often = {"MAX_ATTEMPTS": "25", "RETRY_SECONDS": "0.2", "LEASE_SECONDS": "3"}
        self.environment |= often | environment
        self.engine = make_engine(database_url)
        self.sessions = make_sessions(self.engine)

    def stop(self) -> None:
        super().stop()
        self.engine.dispose()

    # -- looking ------------------------------------------------------------------------------------

    def job(self, job_id: str) -> Job | None:
        """The job, or None while the database is away."""
        try:
            with reading(self.sessions) as session:
                return session.get(Job, job_id)
        except SQLAlchemyError:
            return None

    def holder(self, job_id: str) -> int | None:
        """The pid of the pool child that runs the job, once it runs; None if it ended unseen."""
        found: list[int | None] = []

        def runs() -> bool:
            job = self.job(job_id)
            if job is not None and job.status == JobStatus.SUCCEEDED:
                found.append(None)
            elif job is not None:
                assert job.status in {JobStatus.QUEUED, JobStatus.RUNNING}, job.status
                if job.lease_owner is not None:
                    found.append(int(job.lease_owner.split(":")[1]))
            return bool(found)

        self.wait_until(runs)
        return found[0]

    def history(self, job_id: str) -> list[dict[str, Any]]:
        """The changes of the job's status: `status` and perhaps `reason` of each."""
        of_job = JobEvent.job_id == job_id, JobEvent.type == "state"
        with reading(self.sessions) as session:
            return list(session.scalars(select(JobEvent.data).where(*of_job).order_by(JobEvent.seq)))

    def count(self, name: str) -> int:
        """A counter of the service."""
        with reading(self.sessions) as session:
            return counters.totals(session, name).get("", 0)

    def worker_of(self, child: int) -> str:
        """The name of the worker whose pool child this is."""
        parent = psutil.Process(child).ppid()
        return next(name for name in WORKERS if self.running[name].pid == parent)

    def decoders(self) -> list[psutil.Process]:
        """The processes in which the web server decodes uploads."""
        found = []
        for each in psutil.Process(self.running["web"].pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):  # one that has just ended
                if "spawn_main" in " ".join(each.cmdline()):
                    found.append(each)
        return found

    def unfinished(self) -> int:
        with reading(self.sessions) as session:
            open_ = (JobStatus.QUEUED, JobStatus.RUNNING)
            return len(session.scalars(select(Job.id).where(Job.status.in_(open_))).all())

    def log(self, name: str) -> str:
        return (self.home / f"{name}.log").read_text(errors="replace")

    # -- hurting ------------------------------------------------------------------------------------

    def restart(self, name: str) -> None:
        """Kill -9 and start again, as a supervisor would."""
        self.kill(name)
        self.start(name)

    def freeze(self, name: str) -> None:
        """SIGSTOP to the worker and its child: no heartbeat, no work, no answer."""
        os.killpg(self.running[name].pid, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        os.killpg(self.running[name].pid, signal.SIGCONT)

    def redis(self) -> redis.Redis:
        return redis.Redis(port=self.redis_port, socket_timeout=5)


def preloaded(library: Path, clock: Path) -> Mapping[str, str]:
    """The environment of processes whose wall clock the file `clock` moves while they run."""
    set_clock(clock, 0)
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        # A step of the wall clock leaves the monotonic clock alone.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DISABLE_SHM": "1",
    }


def set_clock(clock: Path, seconds: int) -> None:
    """Step the wall clock of the processes to `seconds` from the real one."""
    temporary = clock.with_suffix(".new")
    temporary.write_text(f"{seconds:+d}\n")
    temporary.replace(clock)
    time.sleep(0.1)
