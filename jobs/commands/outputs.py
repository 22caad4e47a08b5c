"""What jobs made, as files, on standard output or in the terminal."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from atelier import Client, Job


def save(client: Client, job: Job, output: Path | None) -> None:
    """Write all that a job made; where there are several, each with its strength in its name."""
    from jobs.media.pictures import SUFFIXES

    strip = len(job["outputs"]) > 1
    # Of a job without outputs the first is asked for all the same: the refusal says why.
    for index in range(max(1, len(job["outputs"]))):
        data, media_type = client.output(job["id"], index)
        if output is not None and str(output) == "-":
            sys.stdout.buffer.write(data)
            return
        path = output or Path(f"{job['id']}.{SUFFIXES.get(media_type, 'bin')}")
        if strip:
            # Several strengths of one picture, or the several things that a training made.
            alpha = job["outputs"][index]["alpha"]
            said = index if alpha is None else f"{alpha:g}"
            path = path.with_name(f"{path.stem}-{said}{path.suffix}")
        write(path, data)


def write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, and say so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_bytes(data)
    temporary.replace(path)
    click.echo(str(path), err=True)


def show(client: Client, job: Job, way: str) -> None:
    """Draw the first output in the terminal."""
    from jobs.commands.terminal_image import drawn, guess
    from jobs.settings import terminal_environment

    data, _ = client.output(job["id"])
    chosen = guess(terminal_environment()) if way == "auto" else way
    click.echo(drawn(data, chosen), nl=False)  # type: ignore[arg-type]
