"""Outputs of jobs: saved as files, written to standard output, or drawn in the terminal."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from atelier import Client, Job


def save(client: Client, job: Job, output: Path | None) -> None:
    """Save all outputs of a job. If there are several, the strength of each is added to its name."""
    from jobs.media.pictures import SUFFIXES

    strip = len(job["outputs"]) > 1
    # A job without outputs is requested too: the service's refusal explains why there is none.
    for index in range(max(1, len(job["outputs"]))):
        data, media_type = client.output(job["id"], index)
        if output is not None and str(output) == "-":
            sys.stdout.buffer.write(data)
            return
        path = output or Path(f"{job['id']}.{SUFFIXES.get(media_type, 'bin')}")
        if strip:
            # Several strengths of one picture, or the several files of a training.
            alpha = job["outputs"][index]["alpha"]
            label = index if alpha is None else f"{alpha:g}"
            path = path.with_name(f"{path.stem}-{label}{path.suffix}")
        write(path, data)


def write(path: Path, data: bytes) -> None:
    """Write a file atomically (temporary file, then rename), and print its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_bytes(data)
    temporary.replace(path)
    click.echo(str(path), err=True)


def show(client: Client, job: Job, protocol: str) -> None:
    """Draw the first output in the terminal."""
    from jobs.commands.terminal_image import detect_protocol, render
    from jobs.settings import terminal_environment

    data, _ = client.output(job["id"])
    chosen = detect_protocol(terminal_environment()) if protocol == "auto" else protocol
    click.echo(render(data, chosen), nl=False)  # type: ignore[arg-type]
