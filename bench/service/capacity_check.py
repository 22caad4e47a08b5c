"""Check of the capacity simulation against a real service with one worker under the same load."""

from __future__ import annotations

import itertools
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from random import Random
from statistics import median
from typing import TYPE_CHECKING, Any

import click

from bench.service.simulation import Stream, arrivals, sampled, serve, waits_of

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from bench.service.subjects import Atelier

#: Longer side in pixels, large enough that the network takes most of a job's time.
SIZE = 768
CALIBRATION, JOBS, BUSY = 30, 120, 0.7

#: Times of submit, start and end of a job, in seconds.
Times = tuple[float, float, float]


def run_check(seed: int, *, size: int = SIZE, jobs: int = JOBS) -> dict[str, Any]:
    """Measure run times of jobs, then send jobs at random times, and compare the waits.

    The worker is meant to be busy for 70% of the time. The simulation gets the real arrivals, and then
    random ones. Raises `click.ClickException`.
    """
    from bench.service.clients import Photos
    from bench.service.subjects import Atelier
    from jobs.db.engine import make_engine
    from jobs.settings import load_settings, scratch_directory

    home = scratch_directory("atelier-capacity-")
    url = f"sqlite:///{home / 'atelier.db'}"
    photos, subject = Photos(200), None
    try:
        subject = Atelier(home / "atelier", photos, Photos(30).next(), load_settings(), url)
        engine = make_engine(url)
        subject.start_workers(1)
        wake = _wake(subject, engine, size)
        cycle, gap, since = _calibrate(subject, engine, size)
        real = _load(subject, engine, since, size, jobs, BUSY / cycle, Random(seed))
        engine.dispose()
    except RuntimeError as error:
        raise click.ClickException(str(error)) from error
    finally:
        if subject is not None:
            subject.fleet.stop()
        shutil.rmtree(home, ignore_errors=True)
    random = Random(seed)
    span = real[-1][0] - real[0][0]
    # Busy time of the worker: the real runs, beside the web server, and the time between them.
    cycles = [end - start + gap for _, start, end in real]
    same = serve([(at, cycle) for (at, _, _), cycle in zip(real, cycles, strict=True)], 1, wake_s=wake)
    stream = Stream("stylize", len(real) / span, sampled(cycles), sum(cycles) / len(cycles))
    apart = serve(arrivals([stream], 50_000, random), 1, skip=1_000, wake_s=wake)
    measured = waits_of([start - at for at, start, _ in real], sum(cycles) / span)
    return {
        "measured": asdict(measured),
        "simulated, same arrivals": asdict(same),
        "simulated, random arrivals": asdict(apart),
        "seconds": {
            "run_mean": stream.mean_s - gap,
            "between_jobs": gap,
            "until_a_free_worker_starts": wake,
        },
    }


def _wake(subject: Atelier, engine: Engine, size: int) -> float:
    """Median time from submit to start on an idle service."""
    from bench.service.clients import Caller
    from bench.service.subjects import finish

    caller = Caller(subject.port)
    earlier = len(_times(engine))
    for _ in range(9):
        finish(subject, caller, [subject.submit(caller, size)])
    caller.close()
    return median(start - at for at, start, _ in _times(engine)[earlier:])


def _calibrate(subject: Atelier, engine: Engine, size: int) -> tuple[float, float, int]:
    """Calibrate the simulation while many jobs wait.

    Returns medians in seconds from start to next start and from end to next start, and the number of
    jobs.
    """
    from bench.service.clients import Caller
    from bench.service.subjects import finish

    caller = Caller(subject.port)
    earlier = len(_times(engine))
    # The queue is paused during the submits, because a worker may be faster than they are.
    caller.call("POST", "/v1/queues/stylize/pause")
    ids = [subject.submit(caller, size) for _ in range(CALIBRATION)]
    caller.call("POST", "/v1/queues/stylize/resume")
    finish(subject, caller, ids)
    caller.close()
    times = _times(engine)
    pairs = list(itertools.pairwise(sorted((start, end) for _, start, end in times[earlier:])))
    cycle = median(later[0] - sooner[0] for sooner, later in pairs)
    return cycle, median(later[0] - sooner[1] for sooner, later in pairs), len(times)


def _load(
    subject: Atelier, engine: Engine, since: int, size: int, jobs: int, per_s: float, random: Random
) -> list[Times]:
    """Send jobs at random times (an open loop); returns their times in order of submit."""
    from bench.service.clients import Caller
    from bench.service.subjects import finish

    def send() -> str:
        caller = Caller(subject.port)
        job_id = subject.submit(caller, size)
        caller.close()
        return job_id

    with ThreadPoolExecutor(16) as pool:
        sent, at = [], time.monotonic()
        for _ in range(jobs):
            at += random.expovariate(per_s)
            time.sleep(max(0.0, at - time.monotonic()))
            sent.append(pool.submit(send))
        ids = [future.result() for future in sent]
    caller = Caller(subject.port)
    finish(subject, caller, ids)
    caller.close()
    return sorted(_times(engine)[since:])


def _times(engine: Engine) -> list[Times]:
    """Times of all succeeded jobs, in order of submit."""
    from sqlalchemy import select

    from jobs.db.models.jobs import Job

    columns = (Job.created_at, Job.started_at, Job.finished_at)
    done = select(*columns).where(Job.status == "succeeded")
    with engine.connect().execution_options(read_only=True) as connection:
        return [
            (created.timestamp(), started.timestamp(), finished.timestamp())
            for created, started, finished in connection.execute(done.order_by(Job.created_at))
            if started and finished
        ]
