"""`atelier bench capacity`: number of workers that each queue needs for a load."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from bench.service.simulation import Stream

DEFAULT_P95 = {"stylize": 5.0, "train": 1800.0}


class PerName(click.ParamType[tuple[str, list[float]]]):
    """Click type for `NAME=NUMBER` or `NAME=NUMBER,NUMBER,…`."""

    name = "name=number"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, list[float]]:
        """The name and its numbers, all above 0."""
        name, _, rest = str(value).partition("=")
        try:
            numbers = [float(part) for part in rest.split(",")]
        except ValueError:
            numbers = []
        if not numbers or not all(0 < number < float("inf") for number in numbers):
            self.fail(f"{value!r} is not like stylize=0.5, with numbers above 0", param, ctx)
        return name, numbers


PER_NAME = PerName()


@click.command()
@click.option("--rate", type=PER_NAME, multiple=True, help="Jobs a second of a kind; once for each.")
@click.option(
    "--seconds",
    type=PER_NAME,
    multiple=True,
    help="How long a job of a kind runs; with commas, times to draw from. Default: as the latest 200 "
    "jobs of this service took (DATABASE_URL).",
)
@click.option(
    "--p95", type=PER_NAME, multiple=True, help="Seconds that 95% may wait at most, by queue."
)
@click.option(
    "--overhead",
    type=click.FloatRange(min=0),
    default=0.01,
    show_default=True,
    help="Seconds between the end of a job and the start of the next, if one waits.",
)
@click.option(
    "--jobs",
    type=click.IntRange(20),
    help="Simulated (default: 50000, at least 1000); with --check, sent (default: 120).",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the simulated arrivals.")
@click.option(
    "--check", is_flag=True, help="Load a real service of one worker instead, and compare what it does."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def capacity(
    rate: tuple[tuple[str, list[float]], ...],
    seconds: tuple[tuple[str, list[float]], ...],
    p95: tuple[tuple[str, list[float]], ...],
    overhead: float,
    jobs: int | None,
    seed: int,
    check: bool,
    as_json: bool,
) -> None:
    """Print the number of workers with which 95% of the jobs wait no longer than given.

    \b
    atelier bench capacity --rate stylize=4 --seconds stylize=0.5,0.8,2.1 --p95 stylize=2
    """
    if check:
        from bench.service.capacity_check import JOBS, run_check

        _show(run_check(seed, jobs=jobs or JOBS), as_json)
        return
    if not rate:
        raise click.UsageError("Say how many jobs a second there are, such as --rate stylize=4.")
    jobs = jobs or 50_000
    if jobs < 1_000:
        raise click.UsageError("A simulation takes at least 1000 jobs.")
    from jobs.params.kinds import KINDS

    wrong = {name for name, _ in (*rate, *seconds)} - set(KINDS)
    if wrong:
        raise click.UsageError(f"There is no kind {min(wrong)!r}; there are {', '.join(KINDS)}.")
    if unknown := {name for name, _ in p95} - set(DEFAULT_P95):
        raise click.UsageError(f"There is no queue {min(unknown)!r}; there are stylize and train.")
    taken = dict(seconds)
    for kind, _ in rate:
        if kind not in taken:
            taken[kind] = _measured(kind)
    streams = {kind: _stream(kind, numbers[0], taken[kind], overhead) for kind, numbers in rate}
    targets = {**DEFAULT_P95, **{name: numbers[0] for name, numbers in p95}}
    _show(_answer(streams, targets, jobs, seed), as_json)


def _measured(kind: str) -> list[float]:
    """Run times of the latest jobs of a kind, from the database of the settings."""
    from sqlalchemy.exc import SQLAlchemyError

    from jobs.db.engine import make_engine, make_sessions, reading
    from jobs.operations.metrics import latest_succeeded
    from jobs.settings import load_settings

    engine = make_engine(load_settings().database)
    try:
        with reading(make_sessions(engine)) as session:
            rows = session.execute(latest_succeeded(kind)).all()
    except SQLAlchemyError as error:
        raise click.ClickException(
            f"The database has no jobs to measure ({type(error).__name__}); give --seconds {kind}=…"
        ) from error
    finally:
        engine.dispose()
    times = [(row.finished_at - row.started_at).total_seconds() for row in rows if row.finished_at]
    times = [time for time in times if time > 0]
    if not times:
        raise click.ClickException(f"No {kind} job has succeeded here yet; give --seconds {kind}=…")
    return times


def _stream(kind: str, per_s: float, seconds: list[float], overhead: float) -> Stream:
    from bench.service.simulation import Stream, sampled

    whole = [taken + overhead for taken in seconds]
    return Stream(kind, per_s, sampled(whole), sum(whole) / len(whole))


def _answer(
    streams: dict[str, Stream], targets: dict[str, float], jobs: int, seed: int
) -> dict[str, Any]:
    from bench.service.simulation import load, workers_for
    from jobs.params.kinds import KINDS

    found: dict[str, Any] = {}
    for queue, target in targets.items():
        here = [stream for kind, stream in streams.items() if KINDS[kind].queue == queue]
        if not here:
            continue
        workers, tried = workers_for(here, target, jobs=jobs, seed=seed)
        found[queue] = {
            "workers": workers,
            "p95_target_s": target,
            "load": round(load(here), 3),
            "with_workers": {number: asdict(waits) for number, waits in tried},
        }
    return found


def _show(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(found))
        return
    for name, answer in found.items():
        if "workers" in answer:
            click.echo(
                f"{name}: {answer['workers']} workers, so that 95% wait at most "
                f"{answer['p95_target_s']:g} s; {answer['load']:g} are busy on average"
            )
        if name == "seconds":
            click.echo("  " + ", ".join(f"{key} {value:.3f}" for key, value in answer.items()))
            continue
        for label, waits in answer.get("with_workers", {name: answer}).items():
            click.echo(
                f"  {label}: wait p50 {waits['p50_s']:.2f} s, p95 {waits['p95_s']:.2f} s, "
                f"p99 {waits['p99_s']:.2f} s; busy {waits['busy']:.0%}"
            )
