"""Where a job stands, and where it may go from there."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class JobStatus(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"  #: waits to be claimed, from `run_at` on
    RUNNING = "running"  #: claimed; its lease says by whom and until when
    SUCCEEDED = "succeeded"  #: done; its outputs can be downloaded
    FAILED = "failed"  #: given up; `error` says why
    CANCELED = "canceled"  #: stopped on request


class CancelReason(StrEnum):
    """Why a job was canceled."""

    REQUESTED = "asked"  #: somebody asked for it
    DEADLINE = "deadline"  #: its `cancel_at` came before its end


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
