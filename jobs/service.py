"""Use cases of one owner: submit, wait for, list, cancel, retry, delete and download jobs."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import cached_property
from typing import Unpack

from prometheus_client import Metric
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import IntegrityError

from jobs.accounts.quotas import QueueCounts
from jobs.blobs.staging import StagedFiles
from jobs.blobs.storage import BlobStorage
from jobs.blobs.stores import make_storage
from jobs.catalog.datasets import DatasetCatalog
from jobs.catalog.networks import NetworkCatalog
from jobs.catalog.styles import StyleCatalog
from jobs.catalog.uploads import UploadCatalog
from jobs.db import counters
from jobs.db.engine import SessionFactory, make_engine, make_reader, make_sessions, reading
from jobs.db.models.blobs import Blob
from jobs.db.models.jobs import Job, JobEvent
from jobs.db.models.operations import WebhookDelivery
from jobs.db.models.owners import Owner
from jobs.db.transactions import run_transaction
from jobs.db.upserts import ensure_owner
from jobs.errors import ConflictError, InvalidParamsError, NotFoundError, NotReadyError
from jobs.media.sandbox import check_decoders
from jobs.operations.metrics import collect_metrics
from jobs.operations.retention import delete_job
from jobs.params.inputs import InputCatalog
from jobs.params.train import StyleTuning
from jobs.queue import lifecycle
from jobs.queue.broker import Broker, make_celery
from jobs.queue.change_signals import ChangeReceiver
from jobs.queue.changes import after_change
from jobs.queue.lifecycle import FINAL, JobStatus
from jobs.queue.listing import Filters, JobPage, find_page
from jobs.queue.pausing import QueueControl
from jobs.queue.position import QueuePosition, QueuePositions
from jobs.queue.publisher import ThreadedPublisher, TokenPublisher
from jobs.queue.versions import JobVersion, read_version
from jobs.queue.watcher import JobWatcher
from jobs.settings import Settings
from jobs.submission.batches import Batches
from jobs.submission.intake import Intake
from jobs.submission.request import JobRequest
from jobs.submission.retries import make_retry
from jobs.submission.tunings import find_newest_tuning, is_active, tuning_request
from jobs.submission.validation import validate_submission
from jobs.trainings.control import TrainingControl
from jobs.webhooks.webhook import find_webhook
from params.tuned_networks import network_tuned_to

#: Owner of all jobs while API keys are off.
LOCAL_OWNER = "local"


#: Attributes of a `JobService` that depend on its owner.
_OF_OWNER = frozenset(
    {"styles", "uploads", "networks", "datasets", "trainings", "batches", "_intake", "_catalog"}
)


class JobService:
    """The use cases of one owner, over one database, blob storage and broker."""

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        storage: BlobStorage,
        broker: Broker,
        *,
        owner: str = LOCAL_OWNER,
        publisher: TokenPublisher | None = None,
        receiver: ChangeReceiver | None = None,
    ) -> None:
        self.settings = settings
        self.engine = engine
        self.sessions: SessionFactory = make_sessions(engine)
        self.storage = storage
        self.broker = broker
        self.owner = owner
        self.queues = QueueControl(self.sessions, broker)
        self._publisher = publisher or TokenPublisher(self.sessions, broker)
        self._reader = make_reader(engine)
        self._positions = QueuePositions(engine, self.sessions)
        self._watcher = JobWatcher(self._reader, receiver)
        # The process's own changes need no signal.
        after_change(self.sessions, self._watcher.look_soon)
        self._queue_counts = QueueCounts()
        self._decoded_photos = settings.decoded_photos()

    def for_owner(self, owner: str) -> JobService:
        """The same service for another owner, who sees only what is his own."""
        service = copy.copy(self)
        service.owner = owner
        # Every request makes such a copy and uses one or two of these.
        for name in _OF_OWNER & vars(service).keys():
            del service.__dict__[name]
        return service

    @cached_property
    def styles(self) -> StyleCatalog:
        """The styles of the owner and of the gallery."""
        return StyleCatalog(self.sessions, self.storage, self.owner, self.settings)

    @cached_property
    def uploads(self) -> UploadCatalog:
        """The uploads of the owner."""
        return UploadCatalog(self.sessions, self.storage, self.owner, self.settings)

    @cached_property
    def networks(self) -> NetworkCatalog:
        """The trained networks of the owner."""
        return NetworkCatalog(self.sessions, self.storage, self.owner, self.settings)

    @cached_property
    def datasets(self) -> DatasetCatalog:
        """The datasets of the owner."""
        return DatasetCatalog(self.sessions, self.storage, self.owner, self.settings)

    @cached_property
    def trainings(self) -> TrainingControl:
        """Control of the owner's trainings."""
        return TrainingControl(self.sessions, self.storage, self.broker, self.owner)

    @cached_property
    def batches(self) -> Batches:
        """The batches of the owner."""
        return Batches(self.settings, self.sessions, self._intake, self._catalog, self.owner)

    @cached_property
    def _intake(self) -> Intake:
        return Intake(
            *(self.settings, self.sessions, self._reader, self.storage, self._publisher),
            *(self._positions, self._queue_counts),
        )

    @cached_property
    def _catalog(self) -> InputCatalog:
        return InputCatalog(
            style=self.styles.sha256,
            network=self.networks.resolve,
            dataset=self._check_dataset,
            tuned=self.networks.tuned_to,
        )

    def for_owner_of_job(self, job_id: str) -> JobService:
        """The same service for the owner of a job. Raises `NotFoundError`."""
        with reading(self.sessions) as session:
            owner = session.scalar(select(Job.owner).where(Job.id == job_id))
        if owner is None:
            raise NotFoundError(f"There is no job {job_id[:64]}.")
        return self.for_owner(owner)

    # -- submitting ---------------------------------------------------------------------------------

    def submit(self, request: JobRequest) -> Job:
        """Validate the request, store the pictures, insert the job, and wake a worker.

        An invalid request stores nothing. Succeeds while the broker is down. A second request with the
        same `idempotency_key` or `job_id` returns the job of the first. If an earlier job of the owner
        has the output already, the new job has succeeded when it is returned, unless `use_cache` is
        False. Raises a `JobsError`.
        """
        with StagedFiles(self.storage, self._decoded_photos) as staged:
            submission = validate_submission(
                request,
                owner=self.owner,
                catalog=self._catalog,
                limits=self.settings.decode_limits,
                webhook=find_webhook(self.settings, self.sessions, self.owner, request.handling),
                staged=staged,
            )
            return self._intake.store_one(submission, staged)

    def tune(self, style_id: str, settings: StyleTuning, *, request_id: str | None = None) -> Job:
        """Submit the tuning of a network to a style, or return the one that has not ended yet.

        Raises `NotFoundError`, `ConflictError` for a style whose tuned network is bundled, and what
        `submit` raises.
        """
        style = self.styles.find(style_id)
        if style.owner is None and network_tuned_to(style.sha256) is not None:
            raise ConflictError(f"{style.title} comes with a network that is tuned to it.")
        with reading(self.sessions) as session:
            newest = find_newest_tuning(session, self.owner, style)
        if newest is not None and is_active(newest):
            return newest
        return self.submit(tuning_request(style, settings, newest, request_id=request_id))

    def earlier(self, idempotency_key: str | None) -> Job | None:
        """The job of the owner that an earlier request with this key made."""
        if idempotency_key is None:
            return None
        with reading(self.sessions) as session:
            same_key = (Job.owner == self.owner, Job.idempotency_key == idempotency_key)
            return session.scalars(select(Job).where(*same_key)).one_or_none()

    def _check_dataset(self, field: str, dataset_id: str) -> None:
        try:
            self.datasets.get(dataset_id)
        except NotFoundError as error:
            raise InvalidParamsError([(field, error.detail)]) from None

    def check_id(self, job_id: str) -> None:
        """Raise `NotFoundError` unless the id is free or names a job of this owner."""
        self._intake.check_id(job_id, self.owner)

    def retry(
        self, job_id: str, *, idempotency_key: str | None = None, request_id: str | None = None
    ) -> Job:
        """Submit a failed or canceled job again. Raises `NotFoundError` or `ConflictError`."""
        job = self.get(job_id)
        if job.status == JobStatus.SUCCEEDED:
            raise ConflictError("This job succeeded; send it again with use_cache=false to redo it.")
        if job.status not in FINAL:
            raise ConflictError(f"This job is {job.status}; only one that has ended can be retried.")
        if job.params.get("dataset_id") is not None:
            self._check_dataset("dataset_id", job.params["dataset_id"])
        submission = make_retry(
            job, owner=self.owner, idempotency_key=idempotency_key, request_id=request_id
        )
        try:
            return self._intake.store_one(submission)
        except IntegrityError:
            self.get(job_id)  # deleted meanwhile: there is nothing to retry
            raise

    def deliveries(self, job: Job) -> list[WebhookDelivery]:
        """The webhook deliveries of a job, oldest first."""
        if job.webhook_url is None:
            return []
        with reading(self.sessions) as session:
            return list(
                session.scalars(
                    select(WebhookDelivery)
                    .where(WebhookDelivery.job_id == job.id)
                    .order_by(WebhookDelivery.created_at, WebhookDelivery.id)
                ).all()
            )

    # -- reading ------------------------------------------------------------------------------------

    def get(self, job_id: str) -> Job:
        """The job. Raises `NotFoundError`."""
        with reading(self.sessions) as session:
            job = session.get(Job, job_id)
        if job is None or job.owner != self.owner:
            raise NotFoundError(f"There is no job {job_id[:64]}.")
        return job

    def version(self, job_id: str) -> JobVersion:
        """The version of the job's row, at the cost of one statement. Raises `NotFoundError`."""
        return self._owned(read_version(self._reader, job_id), job_id)

    def wait_for_change(self, job_id: str, seconds: float, *, version: int | None = None) -> JobVersion:
        """Long poll: the version once the job has ended or is newer than `version`, or after `seconds`.

        Raises `NotFoundError`, also if the job is deleted meanwhile.
        """
        with self._watcher.waiting(job_id, version=version) as wait:
            found = self.version(job_id)
            if seconds > 0 and not found.ended and version in {None, found.version}:
                found = self._owned(wait.result(seconds), job_id)
        return found

    def wait(self, job_id: str, seconds: float, *, version: int | None = None) -> Job:
        """As `wait_for_change`; returns the whole job."""
        self.wait_for_change(job_id, seconds, version=version)
        return self.get(job_id)

    def _owned(self, found: JobVersion | None, job_id: str) -> JobVersion:
        if found is None or found.owner != self.owner:
            raise NotFoundError(f"There is no job {job_id[:64]}.")
        return found

    def queue_position(self, job: Job | JobVersion) -> QueuePosition | None:
        """The position of a queued job; None if the job is not queued."""
        return self.queue_positions([job])[0]

    def queue_positions(self, jobs: Sequence[Job | JobVersion]) -> list[QueuePosition | None]:
        """The position of each job; None for jobs that are not queued."""
        return self._positions.of(jobs)

    def page(self, **filters: Unpack[Filters]) -> JobPage:
        """A page of jobs, newest first. Raises `InvalidParamsError` for an unknown cursor."""
        with reading(self.sessions) as session:
            return find_page(session, self.owner, **filters)

    def events(self, job_id: str, after: int = 0, limit: int = 200) -> list[JobEvent]:
        """Events of a job with a number above `after`. Raises `NotFoundError`."""
        self.version(job_id)
        with reading(self.sessions) as session:
            return list(
                session.scalars(
                    select(JobEvent)
                    .where(JobEvent.job_id == job_id, JobEvent.seq > after)
                    .order_by(JobEvent.seq)
                    .limit(limit)
                ).all()
            )

    def output(self, job_id: str, index: int = 0) -> tuple[Blob, bytes]:
        """The blob row and bytes of an output. Raises as `output_blob` does."""
        blob = self.output_blob(job_id, index)
        return blob, self.storage.get(blob.sha256)

    def output_blob(self, job_id: str, index: int = 0) -> Blob:
        """The blob row of an output. Raises `NotFoundError`, or `NotReadyError` while the job runs."""
        job = self.get(job_id)
        outputs = job.outputs
        if not outputs:
            if job.status in FINAL:
                raise NotFoundError(f"This job {job.status} and has no output.")
            raise NotReadyError(f"This job is {job.status}; it has an output once it has succeeded.")
        if not 0 <= index < len(outputs):
            raise NotFoundError(f"This job has {len(outputs)} output(s), numbered from 0.")
        return outputs[index].blob

    def input_blob(self, job_id: str, role: str) -> Blob:
        """The blob row of an input. Raises `NotFoundError`."""
        for file in self.get(job_id).inputs:
            if file.role == role:
                return file.blob
        raise NotFoundError(f"This job has no input {role[:16]!r}.")

    # -- changing -----------------------------------------------------------------------------------

    def cancel(self, job_id: str) -> Job:
        """Request that the job stops; an ended job is unchanged. Raises `NotFoundError`."""
        self.version(job_id)
        run_transaction(self.sessions, lambda session: lifecycle.cancel(session, job_id))
        return self.get(job_id)

    def delete(self, job_id: str) -> None:
        """Delete a job that is not running. Raises `NotFoundError` or `ConflictError`."""
        delete_job(self.sessions, self.owner, job_id)

    def metrics(self) -> list[Metric]:
        """Metrics for monitoring."""
        with reading(self.sessions) as session:
            return collect_metrics(session)

    def set_webhook_secret(self, owner: str, secret: str) -> None:
        """Set the secret that signs the owner's webhooks, pending deliveries included."""
        with self.sessions.begin() as session:
            ensure_owner(session, owner)
            session.get_one(Owner, owner).webhook_secret = secret

    # -- health -------------------------------------------------------------------------------------

    def check(self) -> dict[str, str]:
        """Readiness: the name of the error of each failing component; empty if the service is ready."""
        failing = {}
        try:
            with reading(self.sessions) as session:
                session.execute(text("SELECT count(*) FROM styles"))
            # A database that only reads (a full disk, a standby) can be asked and takes no jobs.
            with self.sessions.begin() as session:
                counters.bump(session, counters.READINESS_CHECKS)
        except Exception as error:
            failing["database"] = type(error).__name__
        try:
            self.storage.check()
        except Exception as error:
            failing["storage"] = type(error).__name__
        try:
            check_decoders(self.settings.decode_limits)
        except Exception as error:
            failing["decoders"] = type(error).__name__
        return failing


def make_service(settings: Settings, *, request_threads: int | None = None) -> JobService:
    """Build the service from settings; see `make_engine` for `request_threads`.

    In a web server, a thread sends the tokens of new jobs, and signals of workers shorten waits.
    """
    engine = make_engine(settings.database, request_threads=request_threads)
    broker = Broker(make_celery(settings.broker))
    threaded = request_threads is not None
    publisher = ThreadedPublisher(make_sessions(engine), broker) if threaded else None
    storage = make_storage(settings.storage, endpoint_url=settings.s3_endpoint_url)
    receiver = ChangeReceiver(settings.broker) if threaded else None
    return JobService(settings, engine, storage, broker, publisher=publisher, receiver=receiver)
