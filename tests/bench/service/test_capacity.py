from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bench.service.capacity import capacity
from bench.service.capacity_check import run_check
from bench.service.measures import add_finished
from bench.service.simulation import (
    Stream,
    constant,
    exponential,
    sampled,
    serve,
    simulate,
    workers_for,
)
from jobs.db.engine import make_engine


def erlang_c(workers: int, load: float) -> float:
    """The share of jobs that wait in M/M/c (Erlang 1917)."""
    ways = [load**k / math.factorial(k) for k in range(workers)]
    full = load**workers / math.factorial(workers) * workers / (workers - load)
    return full / (sum(ways) + full)


@pytest.mark.parametrize(("workers", "load"), [(1, 0.5), (2, 1.6), (8, 6.8)])
def test_random_times_wait_as_erlang_says(workers: int, load: float) -> None:
    mean = 2.0
    waits = simulate([Stream("a", load / mean, exponential(mean), mean)], workers, jobs=400_000, seed=1)

    wait_at_all, drain = erlang_c(workers, load), (workers - load) / mean
    assert waits.mean_s == pytest.approx(wait_at_all / drain, rel=0.05)
    assert waits.p95_s == pytest.approx(math.log(wait_at_all / 0.05) / drain, rel=0.05)
    assert waits.busy == pytest.approx(load / workers, rel=0.02)


def test_equal_times_wait_half_as_long() -> None:
    waits = simulate([Stream("a", 0.8, constant(1.0), 1.0)], 1, jobs=400_000, seed=1)

    assert waits.mean_s == pytest.approx(0.8 / (2 * 0.2), rel=0.05)  # M/D/1


def test_a_mix_of_kinds_waits_as_pollaczek_and_khinchine_say() -> None:
    streams = [
        Stream("short", 0.5, constant(0.4), 0.4),
        Stream("long", 0.05, sampled([4.0, 8.0]), 6.0),
    ]
    waits = simulate(streams, 1, jobs=400_000, seed=1)

    square = 0.5 * 0.4**2 + 0.05 * (4.0**2 + 8.0**2) / 2
    assert waits.mean_s == pytest.approx(square / (2 * (1 - 0.5)), rel=0.05)


def test_the_fewest_workers_that_hold_are_found() -> None:
    streams = [Stream("a", 3.4, exponential(2.0), 2.0)]

    workers, tried = workers_for(streams, 1.0, jobs=100_000, seed=1)

    def p95(count: int) -> float:
        return max(0.0, math.log(erlang_c(count, 6.8) / 0.05) / ((count - 6.8) / 2))

    expected = next(count for count in range(7, 20) if p95(count) <= 1.0)
    assert workers == expected
    assert [number for number, _ in tried] == [expected - 1, expected, expected + 1]
    once, again = (simulate(streams, workers, jobs=1_000, seed=3) for _ in range(2))
    assert once == again
    with pytest.raises(ValueError, match="can't hold"):
        simulate(streams, 6, jobs=1_000, seed=1)


def test_a_free_worker_starts_after_a_moment() -> None:
    waits = serve([(0.0, 1.0), (10.0, 1.0), (10.5, 1.0)], 1, wake_s=0.2)

    assert (waits.p50_s, waits.p99_s) == (pytest.approx(0.2), pytest.approx(0.7))


def test_the_command_knows_the_queues() -> None:
    arguments = ["--rate", "stylize=4", "--seconds", "stylize=0.5,1.5", "--overhead", "0"]
    both = [*arguments, "--rate", "video=0.01", "--seconds", "video=60", "--p95", "train=60", "--json"]

    found = json.loads(CliRunner().invoke(capacity, both).stdout)
    shown = CliRunner().invoke(capacity, arguments).stdout

    workers = found["stylize"]["workers"]
    assert found["stylize"]["load"] == 4.0
    assert workers >= 5
    assert found["train"]["p95_target_s"] == 60
    assert shown.startswith(f"stylize: {workers} workers, so that 95% wait at most 5 s")


def test_times_come_from_the_database(migrated_sqlite_url: str, tmp_path: Path) -> None:
    engine = make_engine(migrated_sqlite_url)
    add_finished(engine, 30)  # each ran for a second
    engine.dispose()
    environment = {"DATABASE_URL": migrated_sqlite_url, "ATELIER_HOME": str(tmp_path)}

    def run(*more: str) -> Result:
        return CliRunner().invoke(capacity, more, env=environment)

    found = json.loads(run("--rate", "stylize=2", "--overhead", "0.25", "--json").stdout)
    assert found["stylize"]["load"] == 2.5
    assert "No train job has succeeded" in run("--rate", "train=1").stderr
    environment["DATABASE_URL"] = f"sqlite:///{tmp_path / 'none.db'}"
    assert "has no jobs to measure" in run("--rate", "stylize=1").stderr


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "Say how many"),
        (["--rate", "dream=1"], "no kind 'dream'"),
        (["--rate", "stylize=1", "--p95", "x=1"], "no queue 'x'"),
        (["--rate", "stylize=-1"], "is not like stylize=0.5"),
        (["--rate", "stylize"], "is not like stylize=0.5"),
    ],
)
def test_what_is_wrong_is_said(arguments: list[str], problem: str) -> None:
    done = CliRunner().invoke(capacity, arguments)

    assert done.exit_code == 2
    assert problem in done.stderr


@pytest.mark.exhaustive
@pytest.mark.serial
@pytest.mark.integration
@pytest.mark.timeout(900)
def test_a_real_worker_is_compared_with_the_simulation() -> None:
    found = run_check(seed=1, size=256, jobs=40)

    assert found["measured"]["jobs"] == found["simulated, same arrivals"]["jobs"] == 40
    measured, simulated = found["measured"], found["simulated, same arrivals"]
    assert measured["p95_s"] > 0
    assert measured["mean_s"] == pytest.approx(simulated["mean_s"], rel=0.5, abs=0.2)
