"""Local folder of a training job: photographs, style, checkpoints and samples."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from imaging.atomic_write import atomic_write
from jobs.db.engine import reading
from jobs.db.models.blobs import Blob
from jobs.db.models.jobs import Job
from jobs.db.models.trainings import Dataset, DatasetImage
from jobs.errors import NotFoundError
from jobs.media.pictures import SUFFIXES
from jobs.trainings.record import CHECKPOINT
from worker.job_folder import job_folder

if TYPE_CHECKING:
    from worker.context import WorkerContext


class TrainingFolder:
    """Files of a trainer process, kept after a run so that the next run can resume from them."""

    def __init__(self, context: WorkerContext, job: Job) -> None:
        self._context = context
        self._job = job
        self.path = job_folder(context, "trainings", job.id)
        self.checkpoints = self.path / "checkpoints"
        self.samples = self.path / "samples"

    def prepare(self) -> None:
        """Create the folder and its subfolders."""
        for folder in (self.checkpoints, self.samples):
            folder.mkdir(parents=True, exist_ok=True)

    def style(self) -> Path:
        """Path of the style picture, fetched from storage."""
        file = next(file for file in self._job.inputs if file.role == "style")
        return self._fetch(file.sha256, self.path / f"style.{SUFFIXES[file.blob.media_type]}")

    def photographs(self, dataset_id: str) -> str | list[str]:
        """Photographs of a dataset: the path of a folder, or paths of files. Raises `NotFoundError`."""
        with reading(self._context.sessions) as session:
            dataset = session.get(Dataset, dataset_id)
            rows = session.execute(
                select(DatasetImage.sha256, Blob.media_type)
                .join(Blob, Blob.sha256 == DatasetImage.sha256)
                .where(DatasetImage.dataset_id == dataset_id)
                .order_by(DatasetImage.position)
            ).all()
        if dataset is None or dataset.owner not in (None, self._job.owner):
            raise NotFoundError(f"The dataset {dataset_id} does not exist any more.")
        if dataset.folder is not None:
            return str(Path(self._context.settings.dataset_root).resolve() / dataset.folder)
        folder = self.path / "photographs" / dataset_id
        folder.mkdir(parents=True, exist_ok=True)
        return [
            str(self._fetch(sha256, folder / f"{position:05d}.{SUFFIXES[media_type]}"))
            for position, (sha256, media_type) in enumerate(rows)
        ]

    def fetch_checkpoint(self) -> None:
        """Fetch the newest checkpoint from storage if it was written on another machine."""
        step = self._job.checkpoint_step
        if step is None or any(
            int(path.stem.partition("-")[2]) >= step
            for path in self.checkpoints.glob("checkpoint-*.pt")
        ):
            return
        for file in self._job.files:
            if file.direction == CHECKPOINT:
                self._fetch(file.sha256, self.checkpoints / f"checkpoint-{step:08d}.pt")

    def _fetch(self, sha256: str, path: Path) -> Path:
        if not path.exists():
            data = self._context.storage.get(sha256)
            with atomic_write(path) as file:
                file.write(data)
        return path
