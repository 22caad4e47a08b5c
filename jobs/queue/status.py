"""Job statuses and the transitions between them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class JobStatus(StrEnum):
    """Status of a job."""

    QUEUED = "queued"  #: waits to be claimed, from `run_at` on
    RUNNING = "running"  #: claimed by a run, until its lease ends
    SUCCEEDED = "succeeded"  #: ended; its outputs can be downloaded
    FAILED = "failed"  #: ended after an error, which `error` describes
    CANCELED = "canceled"  #: ended on request or by its deadline


class CancelReason(StrEnum):
    """Why a job was canceled."""

    REQUESTED = "asked"  #: canceled on request
    DEADLINE = "deadline"  #: it had not ended by its `cancel_at`


TRANSITIONS: Mapping[JobStatus, frozenset[JobStatus]] = {
    JobStatus.QUEUED: frozenset({JobStatus.RUNNING, JobStatus.CANCELED}),
    JobStatus.RUNNING: frozenset(
        {JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELED, JobStatus.QUEUED}
    ),
    JobStatus.SUCCEEDED: frozenset(),
    JobStatus.FAILED: frozenset(),
    JobStatus.CANCELED: frozenset(),
}

FINAL = frozenset(status for status, following in TRANSITIONS.items() if not following)
