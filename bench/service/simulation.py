"""A queue in front of some workers, simulated: how long jobs wait.

Jobs arrive on their own, whatever the queue is like (Poisson), are served in order of arrival, and each
keeps one worker busy: M/G/c. Priorities and the round between owners change who waits, not how much
there is to wait for, and are left out.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

#: Draws how long a job keeps a worker busy, in seconds.
Service = Callable[[Random], float]


@dataclass(frozen=True)
class Stream:
    """Jobs of one kind: how many a second, and how long each takes."""

    kind: str
    per_s: float
    service: Service
    #: The mean of what `service` draws.
    mean_s: float


@dataclass(frozen=True, kw_only=True)
class Waits:
    """What a simulation or a real run came to. Times in seconds; `busy` is the workers' share."""

    jobs: int
    mean_s: float
    p50_s: float
    p95_s: float
    p99_s: float
    busy: float


def constant(seconds: float) -> Service:
    """Every job takes the same time."""
    return lambda random: seconds


def exponential(mean: float) -> Service:
    """Times as textbooks have them; for comparing with theory."""
    return lambda random: random.expovariate(1 / mean)


def sampled(seconds: Sequence[float]) -> Service:
    """Each job takes one of the times that were measured."""
    return lambda random: random.choice(seconds)


def load(streams: Iterable[Stream]) -> float:
    """The workers that are busy on average, and so the least that can hold the load."""
    return sum(stream.per_s * stream.mean_s for stream in streams)


def arrivals(streams: Sequence[Stream], jobs: int, random: Random) -> Iterator[tuple[float, float]]:
    """`(time, service time)` of so many jobs of all streams, in order."""
    at, total = 0.0, sum(stream.per_s for stream in streams)
    shares = [stream.per_s for stream in streams]
    for stream in random.choices(streams, shares, k=jobs):
        at += random.expovariate(total)
        yield at, stream.service(random)


def serve(
    jobs: Iterable[tuple[float, float]], workers: int, *, skip: int = 0, wake_s: float = 0.0
) -> Waits:
    """Serve jobs in order with so many workers.

    The first `skip` find it too empty and don't count. A free worker starts `wake_s` after the submit.
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
    """The figures of a list of waits."""
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
    """The waits of so many jobs once the queue is as full as it gets. Raises `ValueError` for a load
    that the workers can't hold, under which it would only grow.
    """
    if load(streams) >= workers:
        raise ValueError(f"{workers} workers can't hold a load of {load(streams):.2f}.")
    random, warm_up = Random(seed), jobs // 10
    return serve(arrivals(streams, jobs + warm_up, random), workers, skip=warm_up)


def workers_for(
    streams: Sequence[Stream], p95_s: float, *, jobs: int, seed: int
) -> tuple[int, list[tuple[int, Waits]]]:
    """The fewest workers that hold a p95 wait, and the waits with that many, one fewer and one more."""
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
