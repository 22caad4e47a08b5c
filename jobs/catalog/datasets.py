"""Catalog of datasets for trainings: zip archives, folders on the server, and a built-in set."""

from __future__ import annotations

from collections.abc import Collection
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import delete, exists, or_, select
from sqlalchemy.orm import Session

from imaging.formats import FORMAT_NAMES, SUFFIXES
from jobs.blobs.rows import store_blob
from jobs.catalog.owned import OwnedCatalog
from jobs.catalog.zip_archives import iter_photos
from jobs.db.engine import new_id, now, reading
from jobs.db.models.blobs import Blob
from jobs.db.models.jobs import Job
from jobs.db.models.trainings import Dataset, DatasetImage
from jobs.db.upserts import ensure_owner
from jobs.errors import ConflictError, InvalidParamsError, JobsError, NotFoundError
from jobs.media.pictures import CleanPicture, inspect_picture
from jobs.media.sandbox import check_picture
from jobs.queue.lifecycle import FINAL

#: Id of the built-in dataset: photographs of scikit-image, to try trainings.
SAMPLES = "samples"
_SAMPLE_FILES = (
    "astronaut.png",
    "chelsea.png",
    "coffee.png",
    "hubble_deep_field.jpg",
    "motorcycle_left.png",
    "rocket.jpg",
)
MIN_IMAGES = 1


class DatasetCatalog(OwnedCatalog):
    """The datasets of one owner, and the datasets for all."""

    def all(self) -> list[Dataset]:
        """The datasets for all, then the owner's own, newest first."""
        order = (Dataset.owner.isnot(None), Dataset.created_at.desc(), Dataset.id)
        mine = or_(Dataset.owner == self._owner, Dataset.owner.is_(None))
        with reading(self._sessions) as session:
            return list(session.scalars(select(Dataset).where(mine).order_by(*order)).all())

    def get(self, dataset_id: str) -> Dataset:
        """A dataset. Raises `NotFoundError`."""
        with reading(self._sessions) as session:
            found = session.get(Dataset, dataset_id[:64])
        if found is None or found.owner not in (None, self._owner):
            raise NotFoundError(f"There is no dataset {dataset_id[:64]!r}; see /v1/datasets.")
        return found

    def add_archive(self, data: bytes, *, name: str) -> Dataset:
        """Store the photographs of a zip archive, all or none, without their metadata.

        Raises `InvalidParamsError`, `OverLimitError`, or what `check_picture` raises for the first
        that can't be used.
        """
        name = _checked_name(name)
        settings = self._settings
        limit = settings.max_upload_mb * 1_000_000
        pictures: list[CleanPicture] = []
        # Photographs hardly shrink in an archive; an archive that unpacks to more is a zip bomb.
        total, stored = 2 * settings.max_dataset_mb * 1_000_000, 0
        for filename, raw in iter_photos(
            data, max_files=settings.max_dataset_images, max_bytes=limit, max_total=total
        ):
            picture = check_picture(raw, settings.decode_limits, name=filename, pointer="file")
            pictures.append(picture)
            # Other formats are stored as PNG, hundreds of times as large as a hostile file.
            stored += len(picture.data)
            if stored > total:
                detail = f"The photographs have more than {total // 1_000_000} MB as they are stored."
                raise InvalidParamsError([("file", detail)])
        sizes, dataset_id = self._store(pictures), new_id()
        with self._adding(sizes) as session:
            _insert(session, dataset_id, self._owner, name, sizes)
        return self.get(dataset_id)

    def add_folder(self, folder: str, *, name: str) -> Dataset:
        """Register a folder below `DATASET_ROOT`, for workers to read. Raises `InvalidParamsError`."""
        name = _checked_name(name)
        root = self._settings.dataset_root
        if not root:
            detail = "This server registers no folders: its operator has not set DATASET_ROOT."
            raise InvalidParamsError([("folder", detail)])
        base = Path(root).resolve()
        path = (base / folder).resolve()
        if not path.is_relative_to(base) or not path.is_dir():
            raise InvalidParamsError([("folder", "There is no such folder below DATASET_ROOT.")])
        count = sum(each.suffix.lower() in SUFFIXES for each in path.rglob("*"))
        if count < MIN_IMAGES:
            raise InvalidParamsError([("folder", f"The folder holds no {FORMAT_NAMES} pictures.")])
        with self._sessions.begin() as session:
            ensure_owner(session, self._owner)
            row = Dataset(
                id=new_id(),
                owner=self._owner,
                name=name,
                folder=str(path.relative_to(base)),
                image_count=count,
                created_at=now(session),
            )
            session.add(row)
        return self.get(row.id)

    def image(self, dataset_id: str, number: int) -> tuple[Blob, bytes]:
        """Photograph `number` (from 0) of an uploaded dataset. Raises `NotFoundError`."""
        dataset = self.get(dataset_id)
        with reading(self._sessions) as session:
            row = session.get(DatasetImage, (dataset.id, number))
            blob = None if row is None else session.get_one(Blob, row.sha256)
        if blob is None:
            raise NotFoundError(f"This dataset has no photograph {number} to show.")
        return blob, self._storage.get(blob.sha256)

    def delete(self, dataset_id: str) -> None:
        """Delete a dataset of the owner.

        Raises `NotFoundError`, or `ConflictError` if the dataset is for all or a training needs it.
        """
        dataset = self.get(dataset_id)
        if dataset.owner is None:
            raise ConflictError(f"The dataset {dataset.name} is for all and can't be deleted.")
        in_use = exists().where(Job.dataset_id == dataset.id, Job.status.not_in(FINAL))
        with self._deleting() as session:
            if session.scalar(select(in_use)):
                raise ConflictError("A training that has not ended needs this dataset.")
            session.execute(delete(Dataset).where(Dataset.id == dataset.id))

    def register_samples(self) -> int:
        """Register the built-in dataset if scikit-image is installed; returns its number of images."""
        with reading(self._sessions) as session:
            known = session.get(Dataset, SAMPLES)
        if known is not None:
            return known.image_count
        stored = []
        for path in _sample_paths():
            data = path.read_bytes()
            try:
                info = inspect_picture(data, name=path.name, max_pixels=10_000_000)
            except JobsError:
                continue  # a release of scikit-image with another file of that name
            stored.append(store_blob(self._sessions, self._storage, data, info))
        if not stored:
            return 0
        with self._sessions.begin() as session:
            _insert(session, SAMPLES, None, "Sample photographs", stored)
        return len(stored)


def _insert(
    session: Session, dataset_id: str, owner: str | None, name: str, digests: Collection[str]
) -> None:
    count, at = len(digests), now(session)
    session.merge(Dataset(id=dataset_id, owner=owner, name=name, image_count=count, created_at=at))
    session.flush()
    for position, sha256 in enumerate(digests):
        session.merge(DatasetImage(dataset_id=dataset_id, position=position, sha256=sha256))


def _sample_paths() -> list[Path]:
    found = find_spec("skimage")
    if found is None or found.origin is None:
        return []
    folder = Path(found.origin).parent / "data"
    return [folder / name for name in _SAMPLE_FILES if (folder / name).is_file()]


def _checked_name(name: str) -> str:
    name = name.strip()
    if not 1 <= len(name) <= 120 or not name.isprintable():
        raise InvalidParamsError([("name", "A name of 1 to 120 characters is needed.")])
    return name
