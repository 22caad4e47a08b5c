"""Typed dictionaries of the API's responses. Times are ISO 8601 in UTC."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

Status = Literal["queued", "running", "succeeded", "failed", "canceled"]

#: Statuses that never change again.
FINAL: frozenset[str] = frozenset({"succeeded", "failed", "canceled"})


class Progress(TypedDict):
    """Progress of the running attempt: `step` of `total` of a `stage`."""

    stage: str
    step: int
    total: int
    losses: NotRequired[dict[str, float]]
    images_per_second: NotRequired[float]
    eta_s: NotRequired[float | None]


class QueuePosition(TypedDict):
    """Position of a queued job; `eta_s` is in seconds, None before any job was measured."""

    position: int
    eta_s: float | None
    paused: bool


class JobError(TypedDict):
    """Error of the last attempt."""

    code: str
    detail: str
    retryable: NotRequired[bool]


class Output(TypedDict):
    """An output file of a job; `alpha` is its strength if the job has several."""

    index: int
    role: str
    media_type: str
    width: int
    height: int
    bytes: int
    sha256: str
    alpha: float | None
    url: str
    #: URL of a small WebP of it, None if there is none.
    thumbnail: str | None


class Job(TypedDict):
    """A job. `/docs` describes every field."""

    id: str
    kind: str
    status: Status
    attempt: int
    max_attempts: int
    priority: int
    params: dict[str, Any]
    progress: Progress | None
    queue: QueuePosition | None
    cancel_requested: bool
    batch_id: str | None
    retried_from: str | None
    cached: bool
    error: JobError | None
    inputs: list[dict[str, Any]]
    outputs: list[Output]
    metrics: dict[str, Any] | None
    created_at: str
    started_at: str | None
    finished_at: str | None
    expires_at: str | None
    urls: dict[str, str]


class JobPage(TypedDict):
    """A page of jobs, newest first; `next` is the cursor of the next page."""

    jobs: list[Job]
    next: str | None


class Batch(TypedDict):
    """Jobs that were submitted together; `counts` is the number of jobs of each status."""

    id: str
    done: bool
    total: int
    counts: dict[str, int]
    created_at: str
    urls: dict[str, str]


class Upload(TypedDict):
    """A picture that was uploaded before the jobs that name it."""

    id: str
    media_type: str
    width: int
    height: int
    bytes: int
    sha256: str
    created_at: str
    expires_at: str | None
    urls: dict[str, str]


class Style(TypedDict):
    """A style of the gallery, or of the caller (`own`)."""

    id: str
    title: str
    description: str
    own: bool
    width: int
    height: int
    sha256: str
    urls: dict[str, str]


class Network(TypedDict):
    """A trained network; a `styled` one renders the one style that it was trained on."""

    id: str
    name: str
    version: int
    architecture: str
    styled: bool
    bytes: int
    sha256: str
    settings: dict[str, Any]
    figures: dict[str, Any]
    job_id: str | None
    created_at: str
    urls: dict[str, str]


class Queue(TypedDict):
    """A queue: whether it is paused, and its numbers of queued and running jobs."""

    name: str
    paused: bool
    paused_at: str | None
    queued: int
    running: int
    urls: dict[str, str]


class Event(TypedDict):
    """An event of a job; `type` is `state`, `progress` and others."""

    id: int
    type: str
    data: dict[str, Any]
