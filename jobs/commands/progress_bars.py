"""Progress on standard error: of what is sent, and of jobs. Nothing of it reaches standard output."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from rich.progress import Progress, TaskID

    from atelier import Client, Job
    from atelier.upload_progress import Sent


@contextmanager
def bars(*, quiet: bool) -> Iterator[Progress]:
    """Bars on a terminal; nothing where `quiet`, or where nobody watches."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=quiet, transient=True) as progress:
        yield progress


@contextmanager
def sending(paths: Iterable[Path], *, quiet: bool) -> Iterator[Sent]:
    """A bar of the bytes of files on their way."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    total = sum(path.stat().st_size for path in paths)
    columns = (TextColumn("sending"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=quiet, transient=True) as progress:
        task = progress.add_task("sending", total=total)
        yield lambda count: progress.advance(task, count)


def follow(client: Client, job_id: str, *, timeout: float | None, quiet: bool) -> Job:
    """The job once it has ended, with its stages as they pass."""
    with bars(quiet=quiet) as progress:
        task = progress.add_task("queued", total=None, note="")
        for job in client.follow(job_id, timeout=timeout):
            show(progress, task, job)
    return job


def show(progress: Progress, task: TaskID, job: Job) -> None:
    """Where a job stands, in a bar."""
    at = job["progress"]
    if job["status"] == "running" and at:
        note = " ".join(f"{name} {value:.3g}" for name, value in at.get("losses", {}).items())
        if at.get("eta_s"):
            note += f" about {at['eta_s']:.0f} s left"
        progress.update(
            task, description=at["stage"], completed=at["step"], total=at["total"] or None, note=note
        )
        return
    place = job["queue"]
    note = f"{place['position']} before it" if place and place["position"] else ""
    progress.update(task, description=job["status"], note=note)
