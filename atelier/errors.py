"""Errors of the client. The text is one line for people; `status` and `code` are for programs."""

from __future__ import annotations


class ApiError(Exception):
    """The service refused the request, or could not be reached.

    `status` is the HTTP status (0: there was no response), `code` the code of the problem document.
    """

    def __init__(self, detail: str, *, status: int = 0, code: str = "") -> None:
        self.status = status
        self.code = code
        super().__init__(detail)


class UnreachableError(ApiError):
    """The service did not respond or was too busy, also after every retry."""


class JobFailedError(ApiError):
    """The job failed; `code` is the code of the job's error."""


class JobCanceledError(ApiError):
    """The job was canceled."""


class StillRunningError(ApiError):
    """The job had not ended when the timeout was over. The job goes on."""
