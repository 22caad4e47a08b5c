"""Outputs of jobs: saved as files, written to standard output, or drawn in the terminal."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imaging.atomic_write import atomic_write

if TYPE_CHECKING:
    from atelier import Client, Job
    from jobs.commands.terminal_image import Protocol


#: Output format by file suffix, of pictures and of videos.
PICTURE_FORMATS = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}
VIDEO_FORMATS = {
    ".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "mkv", ".webm": "webm", ".gif": "gif",
    ".zip": "png",
}  # fmt: skip


def format_for(
    output: Path | None, given: str | None, formats: Mapping[str, str], sources: Iterable[Path]
) -> str | None:
    """The format that `given` or else the suffix of `output` names; None leaves it to the service.

    Raises `click.UsageError` for an unknown suffix, and if `output` is one of the `sources`.
    """
    if output is None or str(output) == "-":
        return given
    for source in sources:
        if output.exists() and output.samefile(source):
            raise click.UsageError(f"{output} is a source itself. Name another file.")
    named = given or formats.get(output.suffix.lower())
    if named is None:
        raise click.UsageError(
            f"{output} ends in none of {', '.join(formats)}; name one, or use --format."
        )
    return named


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
        data = converted(data, media_type, path)
        if strip:
            # Several strengths of one picture, or the several files of a training.
            alpha = job["outputs"][index]["alpha"]
            label = index if alpha is None else f"{alpha:g}"
            path = path.with_name(f"{path.stem}-{label}{path.suffix}")
        write(path, data)


def converted(data: bytes, media_type: str, path: Path) -> bytes:
    """The bytes of a picture in the format that the suffix of `path` names; others as they are.

    Raises `click.UsageError` for a picture with the suffix of a video, and the reverse.
    """
    suffix = path.suffix.lower()
    wanted, is_video_suffix = PICTURE_FORMATS.get(suffix), suffix in VIDEO_FORMATS
    is_picture = media_type in {f"image/{name}" for name in PICTURE_FORMATS.values()}
    if (is_picture and is_video_suffix) or (not is_picture and wanted is not None):
        raise click.UsageError(f"The output is {media_type}; name a file with another suffix.")
    if wanted is None or media_type == f"image/{wanted}":
        return data
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        opaque = image.convert("RGB") if wanted == "jpeg" else image
        buffer = io.BytesIO()
        opaque.save(buffer, wanted, quality=92, icc_profile=image.info.get("icc_profile"))
    return buffer.getvalue()


def write(path: Path, data: bytes) -> None:
    """Write a file atomically, and print its path."""
    with atomic_write(path) as file:
        file.write(data)
    click.echo(str(path), err=True)


def show(client: Client, job: Job, protocol: Protocol) -> None:
    """Draw the first output in the terminal."""
    from jobs.commands.terminal_image import draw

    data, _ = client.output(job["id"])
    draw(data, protocol)
