"""Output of commands: JSON on stdout, errors on stderr, files written atomically."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import ParamSpec, TypeVar

import click

from imaging.atomic_write import atomic_write
from nst_core.errors import NstError
from params.errors import SettingsError

#: `nst_core.runtimes.choice.NAMES`, repeated here so that a command's help need not load PyTorch.
RUNTIMES = ("auto", "torch", "openvino")

P = ParamSpec("P")
R = TypeVar("R")


def print_json(document: object) -> None:
    """Print the one JSON document of a `--json` run."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def explains_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Print errors as one line: exit code 2 for invalid settings, 1 for all others."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except SettingsError as error:
            raise click.UsageError(str(error)) from error
        except (NstError, OSError) as error:
            raise click.ClickException(str(error)) from error

    return wrapped


def show_notice(text: str) -> None:
    """Print a notice on standard error."""
    click.echo(text, err=True)


def check_not_source(target: Path, sources: Iterable[Path]) -> None:
    """Raise `click.UsageError` if `target` is one of the files that a command reads."""
    for source in sources:
        if target.exists() and source.exists() and target.samefile(source):
            raise click.UsageError(f"{target} is a source itself. Name another file.")


def write_whole(path: Path, data: bytes) -> None:
    """Write a file atomically."""
    with atomic_write(path) as file:
        file.write(data)
