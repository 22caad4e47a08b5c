"""What commands write: JSON on stdout, errors on stderr, files whole or not at all."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

import click

from nst_core.errors import NstError

#: `nst_core.runtimes.runtime.NAMES`, here so that a command's help need not load PyTorch.
RUNTIMES = ("auto", "torch", "openvino", "onnxruntime")

P = ParamSpec("P")
R = TypeVar("R")


def print_json(document: object) -> None:
    """Print the one JSON document of a `--json` run."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def explains_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Show this package's errors, and those of the file system, as one line; exit code 1."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (NstError, OSError) as error:
            raise click.ClickException(str(error)) from error

    return wrapped


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that nobody ever sees half written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
