"""Progress bars of uploads and jobs, on standard error; standard output is for results."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from rich.progress import Progress, TaskID

    from atelier import Client, Job
    from atelier.upload_progress import OnSent


@contextmanager
def bars(*, quiet: bool) -> Iterator[Progress]:
    """Progress bars; nothing if `quiet`, or if standard error is no terminal."""
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
def sending(paths: Iterable[Path], *, quiet: bool) -> Iterator[OnSent]:
    """A progress bar of the bytes of an upload."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    total = sum(path.stat().st_size for path in paths)
    columns = (TextColumn("sending"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=quiet, transient=True) as progress:
        task = progress.add_task("sending", total=total)
        yield lambda count: progress.advance(task, count)


def follow(client: Client, job_id: str, *, timeout: float | None, quiet: bool) -> Job:
    """Show the stages of a job until it has ended; returns the ended job."""
    with bars(quiet=quiet) as progress:
        task = progress.add_task("queued", total=None, note="")
        for job in client.follow(job_id, timeout=timeout):
            show(progress, task, job)
    return job


def show(progress: Progress, task: TaskID, job: Job) -> None:
    """Show the state of a job in its bar."""
    state = job["progress"]
    if job["status"] == "running" and state:
        note = " ".join(f"{name} {value:.3g}" for name, value in state.get("losses", {}).items())
        if state.get("eta_s"):
            note += f" about {state['eta_s']:.0f} s left"
        progress.update(
            task,
            description=state["stage"],
            completed=state["step"],
            total=state["total"] or None,
            note=note,
        )
        return
    queued = job["queue"]
    note = f"{queued['position']} before it" if queued and queued["position"] else ""
    progress.update(task, description=job["status"], note=note)
