"""The `train` kind: a supervised process trains, this one keeps the lease and records how it goes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import SQLAlchemyError

from jobs.blobs.rows import store_blob
from jobs.catalog.networks import FILE_INFO
from jobs.db.models.jobs import Job
from jobs.errors import JobsError
from jobs.media.pictures import PictureInfo, inspect_picture
from jobs.queue import lifecycle
from jobs.trainings import record
from worker.kinds.train_folder import TrainingFolder
from worker.kinds.train_process import REFUSED, STOPPED, TrainerProcess
from worker.kinds.train_settings import settings_of
from worker.lease import DrainedError, PausedError
from worker.result import JobResult, OutputFile

if TYPE_CHECKING:
    from worker.context import WorkerContext
    from worker.lease import Lease

log = logging.getLogger(__name__)

#: How often wishes are asked after, and progress is written at the most, in seconds.
LOOK_SECONDS = 1.0
PROGRESS_SECONDS = 1.0
#: A long training writes its progress less often: about so many times in all.
MOST_WRITES = 2_000
_CHECKPOINT_INFO = PictureInfo(media_type="application/vnd.atelier.checkpoint", width=None, height=None)


class TrainingFailedError(JobsError):
    """The training was given up; the same again would fail again."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def train(context: WorkerContext, job: Job, lease: Lease) -> JobResult:
    """Train a network. Goes on from the newest checkpoint of an earlier run."""
    folder = TrainingFolder(context, job)
    lease.report("prepare", 0, 1)
    folder.prepare()
    folder.fetch_checkpoint()
    with TrainerProcess(_spec(context, job, folder), folder.path) as process:
        run = _Run(context, job, lease, process)
        run.follow()
        made = run.made()
    made.folder = folder.path
    return made


def _spec(context: WorkerContext, job: Job, folder: TrainingFolder) -> dict[str, Any]:
    params = job.params
    adain = params["architecture"] == "adain"
    return {
        "kind": params["architecture"],
        "contents": folder.photographs(params["dataset_id"]),
        "style": folder.photographs(params["style_dataset_id"]) if adain else str(folder.style()),
        "checkpoint_dir": str(folder.checkpoints),
        "samples_dir": str(folder.samples),
        "settings": settings_of(params),
        "resume": True,
        "threads": context.settings.torch_threads or None,
        "device": context.settings.device,
    }


class _Run:
    """Follows one training process to its end."""

    def __init__(self, context: WorkerContext, job: Job, lease: Lease, process: TrainerProcess) -> None:
        self._context = context
        self._job = job
        self._lease = lease
        self._process = process
        self._started = time.monotonic()
        self._looked = 0.0
        self._written = 0.0
        self._asked: str | None = None
        self._notices: list[str] = []
        self._sample: OutputFile | None = None
        self._rate: float | None = None
        self._end: dict[str, Any] = {}

    def follow(self) -> None:
        """Record every event until the process ends; raise what that end means for the job."""
        while True:
            try:
                event = self._process.next(LOOK_SECONDS / 2)
            except EOFError:
                break
            if event is not None:
                self._take(event)
            if time.monotonic() - self._looked >= LOOK_SECONDS:
                self._looked = time.monotonic()
                self._steer()
        code = self._process.wait()
        if code == STOPPED and self._asked == "pause":
            raise PausedError
        if code == STOPPED and self._asked == "drain":
            raise DrainedError
        if code == REFUSED:
            told = self._end.get("message", "The training could not be done.")
            raise TrainingFailedError(str(self._end.get("code", "training_failed")), str(told))
        if code != 0:
            raise RuntimeError(f"the training process ended with {code}")

    def made(self) -> JobResult:
        """The network, and the last sample."""
        data = Path(self._end["path"]).read_bytes()
        network = OutputFile(role="network", data=data, info=FILE_INFO)
        figures = self._end.get("figures") or {}
        metrics = {
            "steps": self._end.get("step"),
            "reason": self._end.get("reason"),
            "figures": figures,
            **({"images_per_second": self._rate} if self._rate else {}),
            **({"notices": self._notices} if self._notices else {}),
        }
        outputs = [output for output in (self._sample, network) if output is not None]
        return JobResult(outputs=outputs, metrics=metrics, publish=self._job.params["name"])

    def _steer(self) -> None:
        """Pass on what the owner and the worker want. Raises what ends the run at once."""
        self._lease.pulse()
        with self._context.sessions() as session:
            wishes = record.read_signals(session, self._lease.run)
        if wishes.finish and self._asked is None:
            self._asked = "finish"
            self._process.finish()
        if self._asked in {"pause", "drain"}:
            return
        if wishes.pause or self._lease.draining:
            self._asked = "pause" if wishes.pause else "drain"
            self._process.stop()

    def _take(self, event: dict[str, Any]) -> None:
        name = event.get("event")
        if name == "progress":
            self._progress(event)
        elif name == "sample":
            self._keep_sample(event)
        elif name == "checkpoint":
            self._keep_checkpoint(event)
        elif name == "notice":
            self._notices.append(event["message"])
            self._write(record.record_notice, event["step"], event["code"], event["message"])
        elif name in {"finished", "error"}:
            self._end = event

    def _progress(self, event: dict[str, Any]) -> None:
        self._rate = event.get("images_per_second")
        elapsed = time.monotonic() - self._started
        pause = max(PROGRESS_SECONDS, elapsed / MOST_WRITES * 4)
        if time.monotonic() - self._written < pause and event["step"] < event["total"]:
            return
        self._written = time.monotonic()
        shown = {key: value for key, value in event.items() if key != "event"}
        self._write(lifecycle.report_progress, {"stage": "train", **shown})
        self._write(record.save_losses, event["step"], event["losses"])

    def _keep_sample(self, event: dict[str, Any]) -> None:
        data = Path(event["path"]).read_bytes()
        info = inspect_picture(data, name="sample", max_pixels=100_000_000)
        self._sample = OutputFile(role="image", data=data, info=info)
        self._stored(record.save_sample, event["step"], data, info)

    def _keep_checkpoint(self, event: dict[str, Any]) -> None:
        try:
            data = Path(event["path"]).read_bytes()
        except OSError as error:
            log.warning("the checkpoint of step %s can't be read: %s", event["step"], error)
            return
        self._stored(record.save_checkpoint, event["step"], data, _CHECKPOINT_INFO)

    def _stored(self, keep: Callable[..., None], step: int, data: bytes, info: PictureInfo) -> None:
        # A store or database that is away costs this one file: the checkpoint on disk is there still.
        try:
            sha256 = store_blob(self._context.sessions, self._context.storage, data, info)
        except (JobsError, SQLAlchemyError) as error:
            log.warning("a file of job %s was not stored: %s", self._job.id, error)
            return
        self._write(keep, step, sha256)

    def _write(self, write: Callable[..., None], *values: Any) -> None:
        try:
            with self._context.sessions.begin() as session:
                write(session, self._lease.run, *values)
        except SQLAlchemyError as error:
            log.warning("job %s could not be written to: %s", self._job.id, error)
