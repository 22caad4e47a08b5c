"""Job kind `train`: runs a trainer process, forwards requests to it and records its events."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy.exc import SQLAlchemyError

from jobs.blobs.rows import store_blob
from jobs.catalog.networks import FILE_INFO
from jobs.db.models.jobs import Job
from jobs.errors import JobsError
from jobs.media.pictures import PictureInfo, inspect_picture
from jobs.params.kinds import parse_params
from jobs.params.train import JOB_FIELDS, AdaINTrainParams, JohnsonTrainParams, TuneTrainParams
from jobs.trainings import record
from nst_core.training.events import (
    Event,
    ExitCode,
    Failed,
    Finished,
    Notice,
    Progress,
    Sample,
    Saved,
)
from worker.kinds.train_folder import TrainingFolder
from worker.kinds.train_process import TrainerProcess
from worker.lease import DrainedError, PausedError
from worker.progress import ProgressReporter
from worker.result import JobResult, OutputFile

if TYPE_CHECKING:
    from worker.context import WorkerContext
    from worker.lease import Lease

log = logging.getLogger(__name__)

#: Seconds between two polls of the owner's requests, at least.
REQUEST_POLL_SECONDS = 1.0
#: A long training writes its progress less often, so that there are about so many writes in all.
MAX_PROGRESS_WRITES = 2_000
_CHECKPOINT_INFO = PictureInfo(media_type="application/vnd.atelier.checkpoint", width=None, height=None)


class TrainingFailedError(JobsError):
    """The training failed; with the same settings it would fail again."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def train(context: WorkerContext, job: Job, lease: Lease) -> JobResult:
    """Train a network, resuming from the newest checkpoint of an earlier run."""
    folder = TrainingFolder(context, job)
    lease.report("prepare", 0, 1)
    folder.prepare()
    folder.fetch_checkpoint()
    with TrainerProcess(context.trainer, _spec(context, job, folder), folder.path) as process:
        run = _TrainingRun(context, job, lease, process)
        finished = run.follow()
    made = run.result(finished)
    made.folder = folder.path
    return made


def _spec(context: WorkerContext, job: Job, folder: TrainingFolder) -> dict[str, Any]:
    """Specification for `nst_core.training.process`."""
    params: JohnsonTrainParams | AdaINTrainParams | TuneTrainParams = parse_params("train", job.params)
    if isinstance(params, AdaINTrainParams):
        style: object = folder.photographs(params.style_dataset_id)
    else:
        style = str(folder.style())
    return {
        "kind": params.recipe,
        "contents": folder.photographs(params.dataset_id) if params.dataset_id else None,
        "style": style,
        "checkpoint_dir": str(folder.checkpoints),
        "samples_dir": str(folder.samples),
        "settings": params.model_dump(mode="json", exclude=set(JOB_FIELDS)),
        "resume": True,
        "threads": context.settings.torch_threads or None,
        "device": context.settings.device,
        "parent": os.getpid(),
    }


class _TrainingRun:
    """Follows one trainer process to its end."""

    def __init__(self, context: WorkerContext, job: Job, lease: Lease, process: TrainerProcess) -> None:
        self._context = context
        self._job = job
        self._lease = lease
        self._process = process
        self._reporter = ProgressReporter(context, lease, max_writes=MAX_PROGRESS_WRITES)
        self._polled_at = 0.0
        self._requested: Literal["finish", "pause", "drain"] | None = None
        self._notices: list[str] = []
        self._sample: OutputFile | None = None
        self._rate: float | None = None
        self._end: Finished | Failed | None = None

    def follow(self) -> Finished:
        """Record every event until the process ends.

        Raises `PausedError` or `DrainedError` if the process was stopped, what `Lease.check` raises,
        `TrainingFailedError`, or `RuntimeError` if the process crashed.
        """
        while True:
            try:
                event = self._process.next_event(REQUEST_POLL_SECONDS / 2)
            except EOFError:
                break
            if event is not None:
                self._handle(event)
            if time.monotonic() - self._polled_at >= REQUEST_POLL_SECONDS:
                self._polled_at = time.monotonic()
                self._forward_requests()
        code = self._process.wait()
        if code == ExitCode.STOPPED and self._requested == "pause":
            raise PausedError
        if code == ExitCode.STOPPED and self._requested == "drain":
            raise DrainedError
        if code == ExitCode.REFUSED:
            if isinstance(self._end, Failed):
                raise TrainingFailedError(self._end.code, self._end.message)
            raise TrainingFailedError("training_failed", "The training could not be done.")
        if code != ExitCode.FINISHED or not isinstance(self._end, Finished):
            raise RuntimeError(f"the trainer process ended with {code}")
        return self._end

    def result(self, finished: Finished) -> JobResult:
        """The network file and the last sample picture."""
        network = OutputFile(role="network", data=finished.path.read_bytes(), info=FILE_INFO)
        metrics = {
            "steps": finished.step,
            "reason": finished.reason,
            "figures": dict(finished.figures),
            **({"images_per_second": self._rate} if self._rate else {}),
            **({"notices": self._notices} if self._notices else {}),
        }
        outputs = [output for output in (self._sample, network) if output is not None]
        return JobResult(outputs=outputs, metrics=metrics, publish=self._job.params["name"])

    def _forward_requests(self) -> None:
        """Pass on requests of the owner and the worker; raises what `Lease.check` raises."""
        self._lease.pulse()
        with self._context.sessions() as session:
            signals = record.read_signals(session, self._lease.run)
        if signals.finish and self._requested is None:
            self._requested = "finish"
            self._process.finish()
        if self._requested in {"pause", "drain"}:
            return
        if signals.pause or self._lease.draining:
            self._requested = "pause" if signals.pause else "drain"
            self._process.stop()

    def _handle(self, event: Event) -> None:
        match event:
            case Progress():
                self._save_progress(event)
            case Sample():
                self._save_sample(event)
            case Saved():
                self._save_checkpoint(event)
            case Notice():
                self._notices.append(event.message)
                self._write(record.record_notice, event.step, event.code, event.message)
            case Finished() | Failed():
                self._end = event

    def _save_progress(self, event: Progress) -> None:
        self._rate = event.images_per_second
        values = {key: value for key, value in event.as_json().items() if key != "event"}
        self._reporter.report({"stage": "train", **values}, event.losses)

    def _save_sample(self, event: Sample) -> None:
        data = event.path.read_bytes()
        info = inspect_picture(data, name="sample", max_pixels=100_000_000)
        self._sample = OutputFile(role="image", data=data, info=info)
        self._store(record.save_sample, event.step, data, info)

    def _save_checkpoint(self, event: Saved) -> None:
        try:
            data = event.path.read_bytes()
        except OSError as error:
            log.warning("the checkpoint of step %s can't be read: %s", event.step, error)
            return
        self._store(record.save_checkpoint, event.step, data, _CHECKPOINT_INFO)

    def _store(self, save: Callable[..., None], step: int, data: bytes, info: PictureInfo) -> None:
        # A failure of the storage or database loses only this copy: the file is still on the disk.
        try:
            sha256 = store_blob(self._context.sessions, self._context.storage, data, info)
        except (JobsError, SQLAlchemyError) as error:
            log.warning("a file of job %s was not stored: %s", self._job.id, error)
            return
        self._write(save, step, sha256)

    def _write(self, write: Callable[..., None], *values: Any) -> None:
        try:
            with self._context.sessions.begin() as session:
                write(session, self._lease.run, *values)
        except SQLAlchemyError as error:
            log.warning("job %s could not be written to: %s", self._job.id, error)
