"""`atelier bench service`: load test of the service beside the plain Flask and Celery pattern."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from bench.service.subjects import Subject


@click.command()
@click.option("--jobs", type=click.IntRange(20), default=200, show_default=True, help="For memory.")
@click.option("--rows", type=click.IntRange(0), default=100_000, show_default=True, help="Ended jobs.")
@click.option("--requests", type=click.IntRange(20), default=200, show_default=True, help="A figure.")
@click.option(
    "--kilobytes",
    type=click.IntRange(10, 20_000),
    default=1000,
    show_default=True,
    help="Size of each photo.",
)
@click.option("--workers", default="1,2,4", show_default=True, help="How many, one after the other.")
@click.option("--database-url", default="", help="Default: SQLite in a folder of its own.")
@click.option("--peer/--no-peer", default=True, help="Measure plain Flask and Celery as well.")
@click.option(
    "--before",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Checkout of an earlier version with a .venv of its own (make setup), measured as well.",
)
@click.option(
    "--before-database-url",
    default="",
    help="Database of the earlier version, empty. Default: SQLite in a folder of its own.",
)
@click.option("--keep", is_flag=True, help="Keep the folder with the logs.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def service(
    jobs: int,
    rows: int,
    requests: int,
    kilobytes: int,
    workers: str,
    database_url: str,
    peer: bool,
    before: Path | None,
    before_database_url: str,
    keep: bool,
    as_json: bool,
) -> None:
    """Load the whole service on loopback, and the plain Flask and Celery pattern beside it.

    Starts its own servers in a new folder and stops them at the end. Services that run already are not
    touched, but slow down the measurement. --jobs 10000 is the full run.
    """
    from bench.service.clients import Photos
    from bench.service.subjects import Atelier, Peer
    from jobs.settings import load_settings, scratch_directory

    counts = [int(part) for part in workers.split(",") if part.strip().isdigit()]
    if not counts:
        raise click.BadParameter("name numbers, separated by commas", param_hint="--workers")
    if before and not (before / ".venv/bin/atelier").exists():
        raise click.BadParameter("has no .venv; run `make setup` in it", param_hint="--before")
    home = scratch_directory("atelier-bench-")
    settings = load_settings()
    photos, style = Photos(kilobytes), Photos(30).next()
    say: Callable[[str], None] = (lambda _: None) if as_json else (lambda line: click.echo(line))
    subjects: list[Subject] = []
    # Started servers are stopped after a signal too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        url = database_url or f"sqlite:///{home / 'atelier.db'}"
        subjects.append(Atelier(home / "atelier", photos, style, settings, url))
        if before:
            earlier = before_database_url or f"sqlite:///{home / 'before.db'}"
            subjects.append(
                Atelier(home / "before", photos, style, settings, earlier, checkout=before.resolve())
            )
        if peer:
            subjects.append(Peer(home / "peer", photos, style, settings))
        found = _measure(subjects, jobs, requests, counts, say)
        found["rows"] = _with_rows(subjects[0], url, rows, requests, say)
    except RuntimeError as error:
        raise click.ClickException(str(error)) from error
    except subprocess.CalledProcessError as error:
        last = (error.stderr or error.stdout).decode(errors="replace").strip().splitlines()[-1:]
        raise click.ClickException(f"{' '.join(error.cmd)} failed: {' '.join(last)}") from error
    finally:
        for subject in subjects:
            subject.fleet.stop()
        if keep:
            click.echo(f"logs in {home}", err=True)
        else:
            shutil.rmtree(home, ignore_errors=True)
    if as_json:
        click.echo(json.dumps(found))


def _measure(
    subjects: list[Subject],
    jobs: int,
    requests: int,
    workers: list[int],
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Measure all subjects in turns, so that other load affects both."""
    from bench.service import measures

    found: dict[str, Any] = {subject.name: {"submits": [], "throughput": {}} for subject in subjects}
    for subject in subjects:
        # Warm-up: the first requests load modules and connect.
        measures.submits(subject, 8, 16)
    for clients in (1, 8, 64):
        for subject in subjects:
            made = measures.submits(subject, clients, requests)
            found[subject.name]["submits"].append(asdict(made))
            say(f"{subject.name:<15} submits, {clients:>2} clients   {_line(made)}")
    for subject in subjects:
        made = measures.polls(subject, requests * 5)
        found[subject.name]["polls"] = asdict(made)
        say(f"{subject.name:<15} polls, 8 clients      {_line(made)}")
    _drain(subjects)
    for subject in subjects:
        subject.start_workers(1)
        made = measures.overhead(subject, max(20, requests // 5))
        subject.stop_workers()
        found[subject.name]["overhead"] = asdict(made)
        say(f"{subject.name:<15} overhead of a job     p50 {made.p50_ms} ms, p99 {made.p99_ms} ms")
    for number in workers:
        for subject in subjects:
            per_s = measures.throughput(subject, number, max(40, requests // 2))
            found[subject.name]["throughput"][number] = per_s
            say(f"{subject.name:<15} {number} worker(s)           {per_s} jobs/s")
    for subject in subjects:
        marks = measures.memory(subject, jobs)
        found[subject.name]["memory_mb"] = marks
        for mark in marks:
            say(f"{subject.name:<15} memory (MB)           {mark}")
    return found


def _drain(subjects: list[Subject]) -> None:
    """Run the jobs that the submits left, so that the next measurement finds an idle service."""
    from bench.service.clients import Caller
    from bench.service.subjects import finish

    for subject in subjects:
        subject.start_workers(2)
        caller = Caller(subject.port)
        finish(subject, caller, [subject.submit(caller, 64)])
        caller.close()
        subject.stop_workers()


def _with_rows(
    subject: Subject, url: str, rows: int, requests: int, say: Callable[[str], None]
) -> dict[str, Any]:
    """Measure the same calls without and with many ended jobs in the table."""
    from bench.service import measures
    from jobs.db.engine import make_engine

    found: dict[str, Any] = {}
    engine = make_engine(url)
    for number in dict.fromkeys((0, rows)):
        if number:
            measures.add_finished(engine, number)
        made = measures.latencies(subject, requests)
        subject.start_workers(1)
        made["overhead"] = measures.overhead(subject, max(20, requests // 5))
        subject.stop_workers()
        found[str(number)] = {name: asdict(value) for name, value in made.items()}
        for name, value in made.items():
            say(f"{subject.name:<15} {name}, {number} more rows   p50 {value.p50_ms} ms")
    engine.dispose()
    return found


def _line(made: Any) -> str:
    return f"{made.per_s} a second, p50 {made.p50_ms} ms, p99 {made.p99_ms} ms"
