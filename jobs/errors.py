"""Errors of the service. Each class's docstring is its default message; `code` is for programs."""

from __future__ import annotations


class JobsError(Exception):
    """An error of the service."""

    code = "error"
    retryable = False
    #: Seconds until a retry makes sense, for retryable errors.
    retry_after = 2

    def __init__(
        self, detail: str | None = None, *, pointer: str | None = None, retry_after: int | None = None
    ) -> None:
        self.detail = detail or (type(self).__doc__ or "").strip()
        self.pointer = pointer
        if retry_after is not None:
            self.retry_after = retry_after
        super().__init__(self.detail)


class InvalidRequestError(JobsError):
    """The request is malformed."""

    code = "invalid_request"


class InvalidParamsError(JobsError):
    """Some parameters are not valid."""

    code = "invalid_params"

    def __init__(self, errors: list[tuple[str, str]]) -> None:
        self.errors = errors
        super().__init__("; ".join(f"{pointer}: {detail}" for pointer, detail in errors))


class UnreachableFileError(InvalidParamsError):
    """The file can't be fetched from its URL, now or any more."""


class UnusablePictureError(JobsError):
    """The file is not a picture that can be used."""

    code = "unusable_picture"


class UnsupportedPictureError(JobsError):
    """The file is not a picture in a format that is read."""

    code = "unsupported_picture"


class PictureTooLargeError(JobsError):
    """The picture has too many pixels or bytes."""

    code = "picture_too_large"


class NotFoundError(JobsError):
    """Not found."""

    code = "not_found"


class NotReadyError(JobsError):
    """The job has no output yet."""

    code = "not_ready"
    retryable = True


class ConflictError(JobsError):
    """The job's state does not allow that."""

    code = "conflict"


class OverLimitError(JobsError):
    """The quota of this owner is used up."""

    code = "over_limit"
    retryable = True
    retry_after = 5


class QueueFullError(JobsError):
    """The queue is full."""

    code = "queue_full"
    retryable = True
    retry_after = 15


class BusyError(JobsError):
    """Too many requests wait for their pictures; try again later, or submit to /v1/jobs."""

    code = "busy"
    retryable = True


class StorageError(JobsError):
    """The file store could not be reached."""

    code = "storage_unavailable"
    retryable = True


class TimedOutError(JobsError):
    """The job did not finish in time; it goes on, and can be followed by its id."""

    code = "timed_out"
    retryable = True


class LeaseLostError(JobsError):
    """This run lost its lease on the job; its results are discarded."""

    code = "lease_lost"


class JobCanceledError(JobsError):
    """The job was canceled on request."""

    code = "canceled"
