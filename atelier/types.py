"""The API's answers as typed dictionaries: what a program may rely on. Times are ISO 8601 in UTC."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

Status = Literal["queued", "running", "succeeded", "failed", "canceled"]

#: Statuses that never change again.
FINAL: frozenset[str] = frozenset({"succeeded", "failed", "canceled"})


class Progress(TypedDict):
    """How far the running attempt is: `step` of `total` of a `stage`."""

    stage: str
    step: int
    total: int
    losses: NotRequired[dict[str, float]]
    images_per_second: NotRequired[float]
    eta_s: NotRequired[float | None]


class Place(TypedDict):
    """Where a queued job stands; `eta_s` is in seconds, None where nothing was measured yet."""

    position: int
    eta_s: float | None
    paused: bool


class Failure(TypedDict):
    """Why the last attempt failed."""

    code: str
    detail: str
    retryable: NotRequired[bool]


class Output(TypedDict):
    """One picture that a job made; in a strip, each with its strength."""

    index: int
    role: str
    media_type: str
    width: int
    height: int
    bytes: int
    sha256: str
    alpha: float | None
    url: str
    #: Where a small WebP of it is, if one can be made.
    thumbnail: str | None


class Job(TypedDict):
    """A job. See `/docs` for every field."""

    id: str
    kind: str
    status: Status
    attempt: int
    max_attempts: int
    priority: int
    params: dict[str, Any]
    progress: Progress | None
    queue: Place | None
    cancel_requested: bool
    batch_id: str | None
    retried_from: str | None
    cached: bool
    error: Failure | None
    inputs: list[dict[str, Any]]
    outputs: list[Output]
    metrics: dict[str, Any] | None
    created_at: str
    started_at: str | None
    finished_at: str | None
    expires_at: str | None
    urls: dict[str, str]


class JobPage(TypedDict):
    """Jobs, newest first; `next` is the cursor of those before them."""

    jobs: list[Job]
    next: str | None


class Batch(TypedDict):
    """Several jobs that were taken together; `counts` says how many have each status."""

    id: str
    done: bool
    total: int
    counts: dict[str, int]
    created_at: str
    urls: dict[str, str]


class Upload(TypedDict):
    """A picture that was sent ahead of the jobs that name it."""

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
    """A style of the gallery, or one's own."""

    id: str
    title: str
    description: str
    own: bool
    width: int
    height: int
    sha256: str
    urls: dict[str, str]


class Network(TypedDict):
    """A trained network; `styled` ones paint the one style that they learnt."""

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
    """A queue as an operator sees it."""

    name: str
    paused: bool
    paused_at: str | None
    queued: int
    running: int
    urls: dict[str, str]


class Event(TypedDict):
    """Something that happened to a job: `state`, `progress` and the like."""

    id: int
    type: str
    data: dict[str, Any]
