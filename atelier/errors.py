"""What a call may raise. The text is one line for people; `status` and `code` are for programs."""

from __future__ import annotations


class ApiError(Exception):
    """The service refused, or could not be reached.

    `status` is HTTP's (0: there was no answer), `code` the problem's.
    """

    def __init__(self, detail: str, *, status: int = 0, code: str = "") -> None:
        self.status = status
        self.code = code
        super().__init__(detail)


class UnreachableError(ApiError):
    """Nobody answered, or only to say that it can't be now; it was tried again in vain."""


class JobFailedError(ApiError):
    """The job failed; `code` says why."""


class JobCanceledError(ApiError):
    """The job was canceled."""


class StillRunningError(ApiError):
    """The job had not ended when the time was over. It goes on."""
