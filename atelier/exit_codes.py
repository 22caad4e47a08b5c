"""What the exit code of a command says. `atelier --help` lists them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atelier import ApiError, Client, Job

#: Something else went wrong.
ERROR = 1
#: The command line itself was wrong.
USAGE = 2
#: The service refused: bad input, no such job, no right to it.
REFUSED = 3
#: The service can't be reached, or can't take it now.
AWAY = 4
FAILED = 5
CANCELED = 6
#: `--timeout` is over; the job goes on.
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

KEY = "atelier.key"
_ENDS = {"failed": FAILED, "canceled": CANCELED}


class Problem(click.ClickException):
    """One line for people, and a code for programs."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code: int = exit_code  # type: ignore[misc]


@contextmanager
def open_client(url: str) -> Iterator[Client]:
    """The service's client; what goes wrong becomes one line and an exit code."""
    from atelier import ApiError, Client

    try:
        with Client(url, key=click.get_current_context().meta.get(KEY)) as client:
            yield client
    except ApiError as error:
        raise Problem(str(error), _code_of(error)) from error


def _code_of(error: ApiError) -> int:
    from atelier import JobCanceledError, JobFailedError, StillRunningError, UnreachableError

    table: tuple[tuple[type[Exception], int], ...] = (
        (UnreachableError, AWAY),
        (JobFailedError, FAILED),
        (JobCanceledError, CANCELED),
        (StillRunningError, STILL_RUNNING),
    )
    return next((code for kind, code in table if isinstance(error, kind)), REFUSED)


def exit_for(*jobs: Job) -> None:
    """End with what the worst of the jobs calls for."""
    codes = [_ENDS[job["status"]] for job in jobs if job["status"] in _ENDS]
    if codes:
        raise SystemExit(min(codes))
