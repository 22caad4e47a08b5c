"""The faults. Each hurts something while jobs come in and run, and puts it right again."""

from __future__ import annotations

import random
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import timedelta

import httpx
import psutil
import redis
from faults.fault_stack import WORKERS, FaultStack
from faults.load import Load
from faults.servers import CrashingPostgres, FailingProxy
from sqlalchemy import exists, select, update
from sqlalchemy.exc import SQLAlchemyError
from support.patience import PATIENCE

from jobs.db import counters
from jobs.db.engine import now, reading
from jobs.db.models.jobs import Job
from jobs.db.models.operations import OutboxMessage
from jobs.queue.broker import Broker, make_celery
from jobs.queue.lifecycle import JobStatus

#: A job of this size runs long enough for a fault to find it running.
TARGET_SIZE = 768
#: Jobs that are sent, at most, until one is in the state that a fault needs.
TARGETS = 20
#: Workers that are drained, at most, until one ends the run of a job.
DRAINS = 5
#: Seconds for which a frozen worker's job is waited for; its lease is three seconds long.
TAKEN_OVER_SECONDS = 60.0


@dataclass
class Storm:
    """Faults against one stack, and how long the service took to come back from each."""

    stack: FaultStack
    load: Load
    postgres: CrashingPostgres | None = None
    s3: FailingProxy | None = None
    random: random.Random = field(default_factory=lambda: random.Random(20))
    recoveries: dict[str, list[float]] = field(default_factory=dict)

    def faults(self) -> list[Callable[[], None]]:
        """Every fault that fits this stack."""
        all_ = [
            self.kill_pool_child,
            self.kill_worker,
            self.kill_web,
            self.kill_idle_decoders,
            self.kill_busy_decoders,
            self.kill_maintenance,
            self.kill_redis,
            self.flush_redis,
            self.hang_redis,
            self.make_redis_read_only,
            self.double_and_shuffle_messages,
            self.freeze_worker,
            self.drain_worker,
        ]
        if self.postgres is not None:
            all_ += [self.crash_postgres, self.restart_postgres, self.step_database_clock]
        if self.s3 is not None:
            all_ += [self.fail_storage, self.slow_storage]
        if self.stack.engine.dialect.name == "sqlite":
            all_.append(self.lock_sqlite)
        return all_

    def strike(self, fault: Callable[[], None], jobs: int) -> None:
        """Send `jobs`, let the fault happen among them, and wait until a later job has succeeded."""
        sent = self.load.submit(jobs)
        started = time.monotonic()
        fault()
        later = self.load.submit_one()
        self.stack.wait_until(lambda: self._succeeded(later))
        seconds = time.monotonic() - started
        self.recoveries.setdefault(fault.__name__.replace("_", " "), []).append(seconds)
        for future in sent:
            future.result(PATIENCE)

    def _succeeded(self, job_id: str) -> bool:
        job = self.stack.job(job_id)
        return job is not None and job.status == JobStatus.SUCCEEDED

    def target(self) -> tuple[str, int]:
        """A job that runs now, and the pid of the pool child that runs it."""
        for _ in range(TARGETS):
            job_id = self.load.submit_one(TARGET_SIZE)
            child = self.stack.holder(job_id)
            if child is not None:
                return job_id, child
        raise AssertionError("every job ended before it was seen to run")

    def held_target(self) -> tuple[Job, str]:
        """A job that runs, and its worker, which is frozen: the job can't end before the fault."""
        for _ in range(TARGETS):
            job_id, child = self.target()
            name = self.stack.worker_of(child)
            self.stack.freeze(name)
            job = self.stack.job(job_id)
            if job is not None and job.lease_owner and f":{child}:" in job.lease_owner:
                return job, name
            self.stack.thaw(name)
        raise AssertionError("every job ended before its worker was frozen")

    # -- processes ----------------------------------------------------------------------------------

    def kill_pool_child(self) -> None:
        _, child = self.target()
        psutil.Process(child).send_signal(signal.SIGKILL)

    def kill_worker(self) -> None:
        _, child = self.target()
        self.stack.restart(self.stack.worker_of(child))

    def kill_web(self) -> None:
        more = self.load.submit(8)
        time.sleep(0.05)
        self.stack.restart("web")
        for future in more:
            future.result(PATIENCE)

    def kill_idle_decoders(self) -> None:
        for process in self._decoders():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.stack.wait_until(self.stack._serves)

    def _decoders(self) -> list[psutil.Process]:
        """The decoders, which start with the first picture."""
        self.stack.wait_until(lambda: bool(self.stack.decoders()))
        return self.stack.decoders()

    def kill_busy_decoders(self) -> None:
        """SIGSTOP first, so that each decoder certainly has a picture in hand when it is killed."""
        decoders = self._decoders()
        for process in decoders:
            with suppress(psutil.NoSuchProcess):
                process.suspend()
        sent = self.load.submit(4)
        time.sleep(0.5)
        for process in decoders:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        for future in sent:
            future.result(PATIENCE)

    def kill_maintenance(self) -> None:
        self.stack.restart("maintenance")

    def freeze_worker(self) -> None:
        """SIGSTOP past the lease, until another run has the job; then the first wakes up."""
        refused = self.stack.count(counters.WRITES_REFUSED)
        for _ in range(TARGETS):
            job, name = self.held_target()
            taken = self._taken_over(job)
            self.stack.thaw(name)
            if taken:
                self.stack.wait_until(lambda: self.stack.count(counters.WRITES_REFUSED) > refused)
                return
        raise AssertionError("no job of a frozen worker was taken over")

    def _taken_over(self, job: Job) -> bool:
        """Wait for another run of the job of a frozen worker.

        There is none if the worker was frozen within a transaction, whose locks it keeps, or if its
        last transaction was just being committed.
        """
        deadline = time.monotonic() + TAKEN_OVER_SECONDS
        while time.monotonic() < deadline:
            found = self.stack.job(job.id)
            if found is not None and found.attempt > job.attempt:
                return True
            if found is not None and found.status == JobStatus.SUCCEEDED:
                return False
            time.sleep(0.1)
        return False

    def drain_worker(self) -> None:
        """SIGTERM: what runs is finished by the same run, or put back at no cost of an attempt.

        The ledger counts the attempts. On a machine that is too busy for heartbeats, the lease may run
        out before: then another job is tried.
        """
        ends = []
        for _ in range(DRAINS):
            job_id, child = self.target()
            name = self.stack.worker_of(child)
            before = len(self.stack.history(job_id))
            self.stack.terminate(name)
            self.stack.start(name)
            ends += [*self.stack.history(job_id)[before:], {}][:1]
            if ends[-1].get("status") == JobStatus.SUCCEEDED or ends[-1].get("reason") == "drained":
                return
        raise AssertionError(f"runs of a drained worker ended with {ends}")

    # -- the broker ---------------------------------------------------------------------------------

    def kill_redis(self) -> None:
        self.stack.kill("redis")
        for future in self.load.submit(4):
            future.result(PATIENCE)  # accepted all the same
        self.stack.start("redis")

    def hang_redis(self) -> None:
        """SIGSTOP for longer than a lease: submits are accepted, stalled jobs are taken back."""
        process = psutil.Process(self.stack.running["redis"].pid)
        self.target()
        process.suspend()
        try:
            for future in self.load.submit(4):
                future.result(PATIENCE)
            time.sleep(4)
        finally:
            process.resume()

    def make_redis_read_only(self) -> None:
        """A replica without its primary refuses every write; the workers outlive that."""
        workers = {name: self.stack.running[name].pid for name in WORKERS}
        with self.stack.redis() as client:
            client.replicaof("127.0.0.1", "1")
            for future in self.load.submit(4):
                future.result(PATIENCE)
            time.sleep(3)
            client.replicaof("NO", "ONE")
        for name, pid in workers.items():
            assert self.stack.running[name].pid == pid
            assert self.stack.running[name].poll() is None, self.stack.log(name)[-2000:]

    def flush_redis(self) -> None:
        with self.stack.redis() as client:
            client.flushall()

    def double_and_shuffle_messages(self) -> None:
        """Every job's token again, late, in another order, and what waits in Redis turned round."""
        self.load.submit_one()  # the first fault finds no job that was accepted
        ids = list(self.load.accepted.contents)[-20:] * 2
        self.random.shuffle(ids)
        app = make_celery(f"redis://127.0.0.1:{self.stack.redis_port}/0")
        queue = Broker(app)
        for job_id in ids:
            assert queue.wake("stylize", job_id)
        app.close()
        with self.stack.redis() as client:
            self._turn_round(client)

    def _turn_round(self, client: redis.Redis) -> None:
        messages = client.lrange("stylize", 0, -1)
        for message in messages:
            if client.lrem("stylize", 1, message):
                client.lpush("stylize", message)

    # -- database and storage -----------------------------------------------------------------------

    def crash_postgres(self) -> None:
        assert self.postgres is not None
        self.target()
        self.postgres.crash()
        time.sleep(1)
        self.postgres.start()

    def restart_postgres(self) -> None:
        assert self.postgres is not None
        self.postgres.stop()
        time.sleep(1)
        self.postgres.start()

    def step_database_clock(self) -> None:
        """What an hour's step of the database's clock does to leases: all have run out at once."""
        self.target()
        with self.stack.sessions.begin() as session:
            session.execute(
                update(Job)
                .where(Job.status == JobStatus.RUNNING)
                .values(lease_expires_at=now(session) - timedelta(hours=1))
            )

    def fail_storage(self) -> None:
        assert self.s3 is not None
        self.target()
        self.s3.failing.set()
        time.sleep(3)
        self.s3.failing.clear()

    def slow_storage(self) -> None:
        assert self.s3 is not None
        self.target()
        self.s3.delay = 1.0
        sent = self.load.submit(4)
        time.sleep(3)
        self.s3.delay = 0.0
        for future in sent:
            future.result(PATIENCE)

    def lock_sqlite(self) -> None:
        """Another process holds the database locked: readers are answered, submits are sent again."""
        job_id, _ = self.target()
        url = f"{self.stack.url}/v1/jobs/{job_id}"
        with closing(sqlite3.connect(str(self.stack.engine.url.database), timeout=PATIENCE)) as other:
            other.execute("BEGIN IMMEDIATE")
            sent = self.load.submit(8)
            for _ in range(3):
                time.sleep(1)
                assert httpx.get(url, trust_env=False, timeout=60).status_code == 200
            other.rollback()
        for future in sent:
            future.result(PATIENCE)

    # -- the end ------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Wait until no job is queued or running, no token waits, and the outbox is empty."""
        self.stack.wait_until(self._settled)

    def _settled(self) -> bool:
        try:
            with reading(self.stack.sessions) as session:
                open_ = exists().where(Job.status.in_((JobStatus.QUEUED, JobStatus.RUNNING)))
                waiting = exists().where(OutboxMessage.id.is_not(None))
                if session.scalar(select(open_ | waiting)):
                    return False
            with self.stack.redis() as client:
                return client.llen("stylize") == 0
        except (SQLAlchemyError, redis.RedisError):
            return False

    def report(self) -> list[str]:
        """One line for each kind of fault."""
        lines = [f"{'fault':<32} times  slowest recovery"]
        for name, seconds in sorted(self.recoveries.items()):
            lines.append(f"{name:<32} {len(seconds):>5}  {max(seconds):>6.1f} s")
        return lines
