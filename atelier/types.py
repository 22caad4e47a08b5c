"""Types of the API's JSON objects: one source for responses, OpenAPI and the client.

The server's serializers return them, and `/openapi.json` is generated from them: a field's type and the
string below it are its description there. Times are ISO 8601 in UTC.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

Kind = Literal["stylize", "train", "optimize", "video", "export"]
Status = Literal["queued", "running", "succeeded", "failed", "canceled"]
WebhookEvent = Literal["running", "succeeded", "failed", "canceled"]

#: Statuses that never change again.
FINAL: frozenset[str] = frozenset({"succeeded", "failed", "canceled"})


class Progress(TypedDict):
    """Progress of the running attempt: `step` of `total` of a `stage`."""

    stage: str
    step: int
    total: int
    losses: NotRequired[dict[str, float | None]]
    """Smoothed losses of a training."""
    images_per_second: NotRequired[float | None]
    eta_s: NotRequired[float | None]
    """Seconds until the end, from the measured speed."""


class QueuePosition(TypedDict):
    """Position of a queued job."""

    position: int
    """Number of jobs before it."""
    eta_s: float | None
    """Seconds until it starts, from measured runs; null before any run was measured."""
    paused: bool
    """The queue is paused: none of its jobs start."""


class JobError(TypedDict):
    """Error of the last attempt: `detail` is one line for people, `code` is for programs."""

    code: str
    detail: str
    retryable: NotRequired[bool]


class StoredFile(TypedDict):
    """Stored bytes; width and height of a picture or video, in pixels."""

    media_type: str
    width: int | None
    height: int | None
    bytes: int
    sha256: str


class Input(StoredFile):
    """An input file of a job."""

    role: str
    url: str


class Output(StoredFile):
    """An output file of a job."""

    index: int
    role: str
    alpha: float | None
    """Strength that it was made with, for a job with several strengths."""
    url: str
    thumbnail: str | None
    """URL of a small WebP of it, for lists; null if there is none."""


class WebhookDelivery(TypedDict):
    """A message to the job's webhook."""

    id: str
    event: WebhookEvent
    attempts: int
    status_code: int | None
    error: str | None
    next_at: str | None
    """Time of the next attempt; null when there is none."""
    delivered_at: str | None


class JobWebhook(TypedDict):
    """The webhook of a job, with its deliveries, oldest first."""

    url: str
    events: list[WebhookEvent]
    deliveries: list[WebhookDelivery]


class Job(TypedDict):
    """A job."""

    id: str
    kind: Kind
    status: Status
    attempt: int
    """Number of the attempt; 0 before the first."""
    max_attempts: int
    dead: bool
    """Failed after the last attempt, with an error that another attempt might not have."""
    paused: bool
    """A training that waits to be resumed."""
    priority: int
    params: dict[str, Any]
    progress: Progress | None
    queue: QueuePosition | None
    cancel_requested: bool
    cancel_reason: Literal["asked", "deadline"] | None
    cancel_at: str | None
    """Canceled at this time, unless it has ended by then."""
    batch_id: str | None
    retried_from: str | None
    """Id of the job that it repeats."""
    cached: bool
    """The output of an earlier job was reused."""
    network_version: str | None
    error: JobError | None
    inputs: list[Input]
    outputs: list[Output]
    output: list[str] | None
    """Absolute URLs of the outputs, once the job has succeeded; null before."""
    metrics: dict[str, Any] | None
    request_id: str | None
    webhook: JobWebhook | None
    created_at: str
    started_at: str | None
    finished_at: str | None
    expires_at: str | None
    urls: dict[str, str]
    """Actions and records of the job: `pause`, `resume` and `finish` for trainings only, `losses` and
    `samples` for kinds that have them."""


class JobPage(TypedDict):
    """A page of jobs, newest first."""

    jobs: list[Job]
    next: str | None
    """Cursor of the next page; null on the last page."""


class StatusCounts(TypedDict):
    """Numbers of jobs by status."""

    queued: int
    running: int
    succeeded: int
    failed: int
    canceled: int


class Batch(TypedDict):
    """Jobs that were submitted together."""

    id: str
    done: bool
    """All its jobs have ended."""
    total: int
    counts: StatusCounts
    created_at: str
    urls: dict[str, str]


class Link(TypedDict):
    """A signed link that opens an output without an API key."""

    url: str
    expires_at: str


class StylizedPicture(TypedDict):
    """Result of the synchronous call `/stylize`."""

    job: str
    media_type: str
    width: int | None
    height: int | None
    image: str
    """The file in base64."""


class Upload(StoredFile):
    """A picture that was uploaded before the jobs that name it."""

    id: str
    created_at: str
    expires_at: str | None
    urls: dict[str, str]


class Style(TypedDict):
    """A style of the gallery, or of the caller."""

    id: str
    title: str
    description: str
    own: bool
    """Registered by the caller, not one of the gallery."""
    tuned: bool
    """There is a network tuned to this style, which `network=auto` chooses."""
    network: str
    """The network that `network=auto` chooses for this style: the one tuned to it, else `slim`."""
    width: int | None
    height: int | None
    sha256: str
    urls: dict[str, str]


class StyleList(TypedDict):
    """The styles of the gallery, then the caller's own."""

    styles: list[Style]


class Network(TypedDict):
    """A trained network."""

    id: str
    name: str
    version: int
    architecture: str
    styled: bool
    """Renders the one style that it was trained on or tuned to."""
    style_sha256: str | None
    """SHA-256 of the picture of that style; null if it is not known."""
    bytes: int
    sha256: str
    settings: dict[str, Any]
    figures: dict[str, Any]
    job_id: str | None
    """The training that made it; null for an imported network."""
    created_at: str
    urls: dict[str, str]


class NetworkList(TypedDict):
    """The caller's networks, newest first."""

    items: list[Network]


class Dataset(TypedDict):
    """Photographs for trainings."""

    id: str
    name: str
    own: bool
    """Belongs to the caller, not shared by all."""
    images: int
    """Number of photographs."""
    folder: str | None
    """Folder on the server, for a dataset that was registered as one."""
    created_at: str
    urls: dict[str, str]


class DatasetList(TypedDict):
    """The shared datasets, then the caller's own."""

    items: list[Dataset]


class Loss(TypedDict):
    """Losses of one step of a training."""

    step: int
    content: float | None
    style: float | None
    tv: float | None
    total: float | None


class LossList(TypedDict):
    """Losses in the order of their steps."""

    items: list[Loss]


class Sample(StoredFile):
    """A sample picture of a training or an optimisation."""

    step: int
    url: str


class SampleList(TypedDict):
    """Sample pictures in the order of their steps."""

    items: list[Sample]


class Queue(TypedDict):
    """A queue and its numbers of queued and running jobs."""

    name: str
    paused: bool
    paused_at: str | None
    queued: int
    running: int
    urls: dict[str, str]


class QueueList(TypedDict):
    """All queues."""

    queues: list[Queue]


class AdminJob(TypedDict):
    """A job as operators see it: of any owner, without its pictures."""

    id: str
    owner: str
    kind: Kind
    queue: str
    status: Status
    attempt: int
    max_attempts: int
    dead: bool
    paused: bool
    priority: int
    progress: Progress | None
    cancel_requested: bool
    error: JobError | None
    worker: str | None
    """Name of the worker that holds its lease."""
    retried_from: str | None
    created_at: str
    started_at: str | None
    finished_at: str | None
    urls: dict[str, str]


class AdminJobPage(TypedDict):
    """A page of all owners' jobs, newest first."""

    jobs: list[AdminJob]
    next: str | None
    """Cursor of the next page; null on the last page."""


class Worker(TypedDict):
    """A worker process."""

    name: str
    """`host:pid` of the process that runs jobs."""
    state: Literal["busy", "idle", "silent"]
    """`silent`: no heartbeat for three intervals."""
    queues: list[str]
    started_at: str | None
    seen_at: str | None
    """Time of its last heartbeat."""
    lease_expires_at: str | None
    job: AdminJob | None


class WorkerList(TypedDict):
    """All worker processes."""

    workers: list[Worker]


class JobHistory(TypedDict):
    """Numbers of jobs that ended in the last hour."""

    step_minutes: int
    """Length of a step."""
    ended: dict[str, list[int]]
    """Final status → numbers of each step, the oldest first."""


class Health(TypedDict):
    """Liveness or readiness of the service."""

    status: str
    wrong: NotRequired[dict[str, str]]
    """Kind of error by component."""


class FieldError(TypedDict):
    """What is wrong with one field of a request."""

    pointer: str
    detail: str


class Problem(TypedDict):
    """An error (RFC 9457): `detail` is one line for people, `code` is for programs."""

    type: str
    title: str
    status: int
    detail: str
    instance: NotRequired[str]
    code: str
    retryable: bool
    """The same request may succeed later."""
    errors: NotRequired[list[FieldError]]


class Event(TypedDict):
    """An event of a job; `type` is `state`, `progress` and others."""

    id: int
    type: str
    data: dict[str, Any]
