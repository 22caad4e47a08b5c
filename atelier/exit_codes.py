"""Exit codes of the command line. `atelier --help` lists them."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atelier import ApiError, Client, Job

#: Any other error.
ERROR = 1
#: The command line is wrong.
USAGE = 2
#: The service refused: invalid input, no such job, or no permission.
REFUSED = 3
#: The service can't be reached, or is too busy.
UNAVAILABLE = 4
FAILED = 5
CANCELED = 6
#: The job still runs after `--timeout`.
STILL_RUNNING = 7

HELP = """\b
Exit codes:
  0  done; a job that was waited for succeeded
  1  something else went wrong
  2  the command line is wrong
  3  the service refused
  4  the service can't be reached, or is too busy
  5  the job failed
  6  the job was canceled
  7  the job still runs after --timeout
"""

#: Key of the API key in click's `Context.meta`.
API_KEY_META = "atelier.key"
_BY_STATUS = {"failed": FAILED, "canceled": CANCELED}


class CommandError(click.ClickException):
    """An error of a command: one line for people, and an exit code for programs."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code: int = exit_code  # type: ignore[misc]


@contextmanager
def open_client(url: str) -> Iterator[Client]:
    """A client of the service whose errors end the command with one line and an exit code."""
    from atelier.client import Client
    from atelier.errors import ApiError

    try:
        key = click.get_current_context().meta.get(API_KEY_META)
        with Client(url, key=key, on_retry=_show_retry) as client:
            yield client
    except ApiError as error:
        raise CommandError(str(error), _code_of(error)) from error


def _show_retry(error: ApiError) -> None:
    """Say on a terminal why a command is silent."""
    if sys.stderr.isatty():
        click.echo(f"{error} Trying again …", err=True)


def _code_of(error: ApiError) -> int:
    from atelier import JobCanceledError, JobFailedError, StillRunningError, UnreachableError

    table: tuple[tuple[type[Exception], int], ...] = (
        (UnreachableError, UNAVAILABLE),
        (JobFailedError, FAILED),
        (JobCanceledError, CANCELED),
        (StillRunningError, STILL_RUNNING),
    )
    return next((code for kind, code in table if isinstance(error, kind)), REFUSED)


def exit_for(*jobs: Job) -> None:
    """Exit with the code of the first failed job, else of a canceled one; return if all succeeded."""
    codes = [_BY_STATUS[job["status"]] for job in jobs if job["status"] in _BY_STATUS]
    if codes:
        raise SystemExit(min(codes))
