"""Files that are written while they are checked, and named by the transaction of their job."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from support.submitting import submit_job

from jobs.blobs.local import LocalStorage
from jobs.blobs.s3 import S3Storage
from jobs.blobs.staging import MAX_FILES, StagedFiles
from jobs.blobs.storage import sha256_of
from jobs.db.models.blobs import Blob, BlobDeletion
from jobs.db.models.jobs import Job
from jobs.errors import OverLimitError, StorageError, UnusablePictureError
from jobs.media.pictures import CheckedFile, PictureInfo, Upload
from jobs.service import JobService

Submit = Callable[..., Job]


def checked(data: bytes) -> CheckedFile:
    info = PictureInfo(media_type="image/png", width=1, height=1)
    return CheckedFile(data=data, sha256=sha256_of(data), info=info)


def files(storage: LocalStorage) -> set[str]:
    return {path.name for path in storage.folder.rglob("*") if path.is_file()}


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_a_staged_file_has_no_name_before_it_is_published(local_storage: LocalStorage) -> None:
    before = open_files()
    with StagedFiles(local_storage) as staged:
        staged.expect(b"paint")
        assert files(local_storage) == set()
        assert staged.add([checked(b"paint"), checked(b"water")])
        staged.publish([sha256_of(b"paint")])
        assert files(local_storage) == {sha256_of(b"paint")}

    assert files(local_storage) == {sha256_of(b"paint")}  # water was discarded
    assert local_storage.get(sha256_of(b"paint")) == b"paint"
    assert open_files() == before


def test_stored_bytes_that_went_are_stored_again(
    local_storage: LocalStorage,
) -> None:
    name = local_storage.put(b"paint")
    with StagedFiles(local_storage) as staged:
        assert staged.add([checked(b"paint")])
        local_storage.delete(name)
        staged.publish([name])

    assert local_storage.get(name) == b"paint"


def test_two_requests_may_publish_the_same_bytes(local_storage: LocalStorage) -> None:
    with StagedFiles(local_storage) as one, StagedFiles(local_storage) as other:
        for staged in (one, other):
            assert staged.add([checked(b"paint")])
        for staged in (one, other):
            staged.publish([sha256_of(b"paint")])

    assert files(local_storage) == {sha256_of(b"paint")}


@pytest.mark.parametrize("mark", [b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/", b"iTXt"])
def test_a_picture_with_metadata_is_written_only_after_its_check(
    local_storage: LocalStorage, monkeypatch: pytest.MonkeyPatch, mark: bytes
) -> None:
    written: list[bytes] = []
    stage = local_storage.stage
    monkeypatch.setattr(local_storage, "stage", lambda d, n: written.append(d) or stage(d, n))
    with StagedFiles(local_storage) as staged:
        staged.expect(b"picture" + mark + b"where it was taken")
        assert written == []
        assert staged.add([checked(b"picture")])

    assert written == [b"picture"]


def test_few_files_are_staged_at_once(local_storage: LocalStorage) -> None:
    with StagedFiles(local_storage) as staged:
        assert staged.add([checked(bytes([number])) for number in range(MAX_FILES)])
        assert not staged.add([checked(b"one more")])


def test_a_store_without_unnamed_files(
    local_storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.blobs.local._UNNAMED", 0)  # opening a folder for writing fails

    with StagedFiles(local_storage) as staged:
        assert not staged.add([checked(b"paint")])


@pytest.mark.integration
def test_a_bucket_stages_nothing(s3_storage: S3Storage) -> None:
    with StagedFiles(s3_storage) as staged:
        assert not staged.add([checked(b"paint")])


def test_an_error_of_the_store_is_raised_once_the_file_is_accepted(
    local_storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StorageError("The file store failed.")

    monkeypatch.setattr(local_storage, "stage", fail)
    with StagedFiles(local_storage) as staged:
        staged.expect(b"paint")
        with pytest.raises(StorageError):
            staged.add([checked(b"paint")])


# -- submits ----------------------------------------------------------------------------------------


def state(service: JobService) -> tuple[int, int, set[str]]:
    assert isinstance(service.storage, LocalStorage)
    with service.sessions() as session:
        jobs, blobs = (session.scalar(select(func.count()).select_from(m)) or 0 for m in (Job, Blob))
    return jobs, blobs, files(service.storage)


@pytest.mark.dialects
def test_a_submit_writes_its_rows_in_one_transaction(service: JobService, submit: Submit) -> None:
    from sqlalchemy import event

    commits: list[Any] = []
    statements: list[str] = []
    event.listen(service.engine, "commit", commits.append)

    @event.listens_for(service.engine, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    job = submit()

    assert len(commits) == 1
    assert len(statements) <= 13  # there were 23
    assert {file.sha256 for file in job.inputs} == state(service)[2]


@pytest.mark.dialects
def test_a_refused_submit_leaves_no_row_and_no_file(service: JobService, submit: Submit) -> None:
    service.settings = service.settings.model_copy(update={"max_queued_per_owner": 1})
    submit(owner="ann")
    before, opened = state(service), open_files()

    with pytest.raises(OverLimitError):
        submit(seed=5, owner="ann")

    assert state(service) == before
    assert open_files() <= opened


def test_a_damaged_picture_leaves_no_file(service: JobService, picture: Callable[..., bytes]) -> None:
    damaged = Upload(data=picture()[:-30], field="content", name="content")
    style = Upload(data=picture(seed=1), field="style", name="style")

    with pytest.raises(UnusablePictureError):
        submit_job(service, "stylize", {}, content=damaged, style=style)

    assert state(service) == (0, 0, set())


@pytest.mark.dialects
def test_a_failing_transaction_leaves_no_job_and_no_file(
    service: JobService, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise StorageError("The disk is full.")

    monkeypatch.setattr("jobs.submission.intake.insert_job", fail)
    with pytest.raises(StorageError):
        submit()

    assert state(service) == (0, 0, set())


@pytest.mark.dialects
def test_bytes_whose_old_copy_is_being_deleted_are_stored_after_it(
    service: JobService, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = submit()
    name = job.inputs[0].sha256
    service.cancel(job.id)
    service.delete(job.id)
    with service.sessions.begin() as session:
        session.delete(session.get_one(Blob, name))
        session.add(BlobDeletion(sha256=name, started_at=job.created_at))

    def end_deletion(_: float) -> None:
        service.storage.delete(name)
        with service.sessions.begin() as session:
            session.delete(session.get_one(BlobDeletion, name))

    monkeypatch.setattr("jobs.blobs.rows.time.sleep", end_deletion)
    again = submit()

    assert again.inputs[0].sha256 == name
    assert service.storage.exists(name)


def test_a_photo_with_exif_is_stored_without_it(
    service: JobService, photo_with_exif: bytes, picture: Callable[..., bytes]
) -> None:
    content = Upload(data=photo_with_exif, field="content", name="content")
    style = Upload(data=picture(seed=1), field="style", name="style")

    job = submit_job(service, "stylize", {}, content=content, style=style)

    stored = service.storage.get(job.inputs[0].sha256)
    assert b"Exif" not in stored
    assert len(state(service)[2]) == 2


@pytest.fixture
def photo_with_exif(tmp_path: Path) -> bytes:
    from PIL import Image

    exif = Image.Exif()
    exif[0x010F] = "A camera"
    path = tmp_path / "photo.jpg"
    Image.new("RGB", (32, 24), "red").save(path, exif=exif)
    return path.read_bytes()
