"""Simulation of a queue with several workers (M/G/c): waiting times of jobs.

Arrivals are a Poisson process, jobs are served in order of arrival, each by one worker. Priorities and
the round between owners change which jobs wait, not the total, and are left out.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

#: Draws a service time in seconds.
Service = Callable[[Random], float]


@dataclass(frozen=True)
class Stream:
    """Jobs of one kind: arrivals per second and distribution of service times."""

    kind: str
    per_s: float
    service: Service
    #: Mean service time in seconds.
    mean_s: float


@dataclass(frozen=True, kw_only=True)
class Waits:
    """Waiting times in seconds of a simulation or a real run; `busy` is the utilisation of workers."""

    jobs: int
    mean_s: float
    p50_s: float
    p95_s: float
    p99_s: float
    busy: float


def constant(seconds: float) -> Service:
    """Constant service times."""
    return lambda random: seconds


def exponential(mean: float) -> Service:
    """Exponential service times, for comparison with theory."""
    return lambda random: random.expovariate(1 / mean)


def sampled(seconds: Sequence[float]) -> Service:
    """Service times drawn from measured ones."""
    return lambda random: random.choice(seconds)


def load(streams: Iterable[Stream]) -> float:
    """Average number of busy workers, the minimum for a stable queue."""
    return sum(stream.per_s * stream.mean_s for stream in streams)


def arrivals(streams: Sequence[Stream], jobs: int, random: Random) -> Iterator[tuple[float, float]]:
    """`(time, service time)` of a number of jobs of all streams, in order."""
    at, total = 0.0, sum(stream.per_s for stream in streams)
    shares = [stream.per_s for stream in streams]
    for stream in random.choices(streams, shares, k=jobs):
        at += random.expovariate(total)
        yield at, stream.service(random)


def serve(
    jobs: Iterable[tuple[float, float]], workers: int, *, skip: int = 0, wake_s: float = 0.0
) -> Waits:
    """Serve jobs in order of arrival with a number of workers.

    The first `skip` jobs find a queue that is too empty and are not counted. A free worker starts
    `wake_s` after the submit.
    """
    free = [0.0] * workers
    waits = list[float]()
    worked = first = last = 0.0
    for number, (at, seconds) in enumerate(jobs):
        start = max(at + wake_s, heapq.heappop(free))
        heapq.heappush(free, start + seconds)
        if number < skip:
            continue
        if not waits:
            first = at
        waits.append(start - at)
        worked += seconds
        last = at
    busy = worked / (workers * (last - first)) if last > first else 0.0
    return waits_of(waits, busy)


def waits_of(waits: Sequence[float], busy: float) -> Waits:
    """Statistics of a list of waits."""
    ordered = sorted(waits)

    def quantile(share: float) -> float:
        return ordered[max(0, math.ceil(len(ordered) * share) - 1)]

    return Waits(
        jobs=len(ordered),
        mean_s=sum(ordered) / len(ordered),
        p50_s=quantile(0.5),
        p95_s=quantile(0.95),
        p99_s=quantile(0.99),
        busy=busy,
    )


def simulate(streams: Sequence[Stream], workers: int, *, jobs: int, seed: int) -> Waits:
    """Waits of a number of jobs in the steady state.

    Raises `ValueError` for a load above the capacity of the workers, under which the queue would grow
    without limit.
    """
    if load(streams) >= workers:
        raise ValueError(f"{workers} workers can't hold a load of {load(streams):.2f}.")
    random, warm_up = Random(seed), jobs // 10
    return serve(arrivals(streams, jobs + warm_up, random), workers, skip=warm_up)


def workers_for(
    streams: Sequence[Stream], p95_s: float, *, jobs: int, seed: int
) -> tuple[int, list[tuple[int, Waits]]]:
    """Smallest number of workers for a p95 wait, and the waits with one fewer and one more."""
    workers = max(1, math.floor(load(streams)) + 1)
    tried: list[tuple[int, Waits]] = []
    while True:
        waits = simulate(streams, workers, jobs=jobs, seed=seed)
        tried.append((workers, waits))
        if waits.p95_s <= p95_s:
            break
        workers += 1
    tried.append((workers + 1, simulate(streams, workers + 1, jobs=jobs, seed=seed)))
    return workers, tried[-3:]
