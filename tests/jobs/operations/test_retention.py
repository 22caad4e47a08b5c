"""What is deleted, and above all what is not."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from support.databases import dispose
from support.maintenance import maintenance_of
from support.patience import PATIENCE
from support.submitting import submit_job

from jobs.blobs import rows
from jobs.blobs.local import LocalStorage
from jobs.blobs.rows import store_blob
from jobs.db.models.blobs import Blob
from jobs.db.models.jobs import Base, Job, JobFile
from jobs.db.upserts import insert_style_statistics
from jobs.errors import ConflictError, InvalidParamsError, NotFoundError, StorageError
from jobs.media.pictures import PictureInfo, Upload
from jobs.operations import retention
from jobs.queue import lifecycle
from jobs.queue.broker import Broker, make_celery
from jobs.service import JobService
from jobs.settings import Settings

pytestmark = pytest.mark.dialects

Picture = Callable[..., bytes]
PAINT = PictureInfo(media_type="image/png", width=1, height=1)
PAST = datetime(2020, 1, 1, tzinfo=UTC)


def bytes_of(service: JobService, job_id: str, role: str) -> bytes:
    return service.storage.get(service.input_blob(job_id, role).sha256)


@pytest.fixture
def service(settings: Settings, database_url: str, local_storage: LocalStorage) -> Iterator[JobService]:
    from jobs.db.engine import make_engine
    from jobs.db.schema import upgrade

    upgrade(database_url)
    engine = make_engine(database_url)
    queue = Broker(make_celery(settings.broker))
    # Orphans of any age may go: only what is referred to is safe.
    settings = settings.model_copy(update={"orphan_seconds": -3600.0})
    yield JobService(settings, engine, local_storage, queue)
    dispose(engine)


def submit(service: JobService, content: bytes, style: bytes, **options: int) -> Job:
    uploads = {
        role: Upload(data=data, field=role, name=role)
        for role, data in (("content", content), ("style", style))
    }
    return submit_job(service, "stylize", {}, **uploads, **options)


def finish(service: JobService, output: bytes) -> None:
    info = PictureInfo(media_type="image/png", width=1, height=1)
    sha256 = store_blob(service.sessions, service.storage, output, info)
    with service.sessions.begin() as session:
        run = lifecycle.claim(session, "stylize", "w", 60)
        assert run is not None
        lifecycle.succeed(session, run, {})
        session.add(JobFile(job_id=run.job_id, direction="output", role="image", sha256=sha256))


def expire(service: JobService) -> None:
    with service.sessions.begin() as session:
        session.execute(update(Job).values(expires_at=PAST))


def stored(storage: LocalStorage) -> int:
    return len([path for path in storage.folder.rglob("*") if path.is_file()])


def rows_left(service: JobService) -> dict[str, int]:
    """Rows by table, without owners, figures for monitoring and ids of deleted jobs, which stay."""
    stays = {"owners", "counters", "used_ids"}
    with service.sessions() as session:
        return {
            name: count
            for name, table in Base.metadata.tables.items()
            if (count := session.scalar(select(func.count()).select_from(table))) and name not in stays
        }


def test_a_deleted_job_leaves_nothing(
    service: JobService, local_storage: LocalStorage, picture: Picture
) -> None:
    job = submit(service, picture(), picture(seed=1))
    finish(service, b"output")
    with service.sessions.begin() as session:
        insert_style_statistics(
            session, job.inputs[1].sha256, "slim", b"what a worker made of the style"
        )

    service.delete(job.id)
    maintenance_of(service).sweep()

    assert rows_left(service) == {}
    assert stored(local_storage) == 0
    with pytest.raises(NotFoundError):
        service.get(job.id)
    with pytest.raises(NotFoundError):
        service.delete(job.id)


def test_whatever_names_a_blob_keeps_it() -> None:
    """A table that is forgotten loses nothing, for its key forbids that; but no sweep would get on."""
    keys = [key for table in Base.metadata.tables.values() for key in table.foreign_keys]
    naming = {f"{key.parent}" for key in keys if key.column.table.name == Blob.__tablename__}

    assert len(naming) >= 7
    assert {name for name in naming if name not in str(retention.is_referred())} == set()


def test_a_queued_job_may_be_deleted_and_never_runs(service: JobService, picture: Picture) -> None:
    job = submit(service, picture(), picture(seed=1))

    service.delete(job.id)

    with service.sessions.begin() as session:
        assert lifecycle.claim(session, "stylize", "w", 60) is None


def test_a_running_job_is_not_deleted(service: JobService, picture: Picture) -> None:
    job = submit(service, picture(), picture(seed=1))
    with service.sessions.begin() as session:
        assert lifecycle.claim(session, "stylize", "w", 60) is not None

    with pytest.raises(ConflictError, match="cancel it first"):
        service.delete(job.id)

    assert service.get(job.id).status == "running"


def test_a_blob_of_two_jobs_survives_the_first_ones_deletion(
    service: JobService, local_storage: LocalStorage, picture: Picture
) -> None:
    first = submit(service, picture(), picture(seed=1))
    second = submit(service, picture(), picture(seed=2))

    service.delete(first.id)
    maintenance_of(service).sweep()

    assert bytes_of(service, second.id, "content") == picture()
    assert bytes_of(service, second.id, "style") == picture(seed=2)
    assert stored(local_storage) == 2


def test_what_expired_goes_once_it_has_ended(
    service: JobService, local_storage: LocalStorage, picture: Picture
) -> None:
    ended = submit(service, picture(), picture(seed=1))
    finish(service, b"output")
    waiting = submit(service, picture(), picture(seed=1))
    expire(service)

    maintenance_of(service).sweep()

    with pytest.raises(NotFoundError):
        service.get(ended.id)
    assert service.get(waiting.id).status == "queued"
    assert bytes_of(service, waiting.id, "content") == picture()
    assert stored(local_storage) == 2


def test_how_long_a_job_is_kept(service: JobService, picture: Picture) -> None:
    def kept(**options: int) -> float | None:
        # Its settings are those of the moment.
        job = submit(service.for_owner("ada"), picture(), picture(seed=1), **options)
        return job.expires_at and (job.expires_at - job.created_at).total_seconds()

    assert kept() == service.settings.retention_seconds
    assert kept(expires_in=3600) == 3600
    assert kept(expires_in=10**9) == service.settings.retention_seconds
    with pytest.raises(InvalidParamsError, match="expires_in"):
        kept(expires_in=59)
    service.settings = service.settings.model_copy(update={"retention_seconds": 0})
    assert kept() is None
    assert kept(expires_in=10**8) == 10**8


def test_young_orphans_stay(service: JobService, local_storage: LocalStorage) -> None:
    info = PictureInfo(media_type="image/png", width=1, height=1)
    store_blob(service.sessions, local_storage, b"on its way", info)

    swept = retention.sweep(service.sessions, local_storage, orphan_seconds=3600)

    assert swept == 0
    assert stored(local_storage) == 1


class _SlowDeletion(LocalStorage):
    """A store that deletes bytes only when the test lets it, as an S3 server that stalls."""

    def __init__(self, storage: LocalStorage) -> None:
        super().__init__(storage.folder)
        self.asked, self.go_on = threading.Event(), threading.Event()

    def delete(self, sha256: str) -> None:
        self.asked.set()
        assert self.go_on.wait(PATIENCE)
        super().delete(sha256)


def test_bytes_that_are_wanted_again_are_written_again(
    service: JobService, local_storage: LocalStorage
) -> None:
    """A writer waits until the old copy of its bytes is deleted, and then writes them."""
    name = store_blob(service.sessions, local_storage, b"paint", PAINT)
    slow = _SlowDeletion(local_storage)
    with ThreadPoolExecutor(2) as pool:
        sweeping = pool.submit(retention.sweep, service.sessions, slow, orphan_seconds=-3600)
        assert slow.asked.wait(PATIENCE)
        storing = pool.submit(store_blob, service.sessions, local_storage, b"paint", PAINT)
        with pytest.raises(TimeoutError):
            storing.result(0.3)
        slow.go_on.set()
        assert (sweeping.result(PATIENCE), storing.result(PATIENCE)) == (1, name)

    assert local_storage.get(name) == b"paint"
    with service.sessions() as session:
        assert session.get(Blob, name) is not None


def test_a_slow_deletion_holds_no_lock_and_takes_no_accepted_bytes(
    service: JobService, local_storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever stores the same bytes is refused meanwhile; all others are not held up."""
    monkeypatch.setattr(rows, "DELETION_WAIT_SECONDS", 0.2)
    name = store_blob(service.sessions, local_storage, b"paint", PAINT)
    slow = _SlowDeletion(local_storage)
    with ThreadPoolExecutor(2) as pool:
        sweeping = pool.submit(retention.sweep, service.sessions, slow, orphan_seconds=-3600)
        assert slow.asked.wait(PATIENCE)
        try:
            storing = pool.submit(store_blob, service.sessions, local_storage, b"paint", PAINT)
            with pytest.raises(StorageError, match="send it again"):
                storing.result(PATIENCE)
            other = pool.submit(store_blob, service.sessions, local_storage, b"ink", PAINT)
            assert local_storage.get(other.result(PATIENCE)) == b"ink"
        finally:
            slow.go_on.set()
        assert sweeping.result(PATIENCE) == 1

    assert not local_storage.exists(name)
    assert store_blob(service.sessions, local_storage, b"paint", PAINT) == name
    assert local_storage.get(name) == b"paint"


def test_an_unconfirmed_deletion_is_repeated_before_the_same_bytes_are_stored(
    service: JobService, local_storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "DELETION_WAIT_SECONDS", 0.0)
    name = store_blob(service.sessions, local_storage, b"paint", PAINT)

    class Broken(LocalStorage):
        def delete(self, sha256: str) -> None:
            raise StorageError

    assert retention.sweep(service.sessions, Broken(local_storage.folder), orphan_seconds=-3600) == 0
    with pytest.raises(StorageError):
        store_blob(service.sessions, local_storage, b"paint", PAINT)
    assert retention.finish_deletions(service.sessions, local_storage, settle_seconds=3600) == 0
    assert retention.finish_deletions(service.sessions, local_storage, settle_seconds=0) == 1
    assert not local_storage.exists(name)

    store_blob(service.sessions, local_storage, b"paint", PAINT)
    assert retention.finish_deletions(service.sessions, local_storage, settle_seconds=0) == 0
    assert local_storage.get(name) == b"paint"


def test_submits_deletes_and_sweeps_at_the_same_time_lose_nothing(
    service: JobService, local_storage: LocalStorage, picture: Picture
) -> None:
    """Every job that is left at the end has all its bytes, however the three came to interleave.

    The sweep is let at bytes of 50 ms, an hour less than it waits in earnest: so a slow submit may find
    its bytes swept before its rows are written, and is refused by the foreign key. It never ends as a
    job without its bytes. After a refusal the sweep waits longer, for a machine that is slow.
    """
    orphan_seconds = [0.05]
    pictures = [picture(16, 16, seed=seed) for seed in range(3)]
    rounds = 12
    stop = threading.Event()
    kept: list[str] = []

    def sweep() -> int:
        swept = 0
        while not stop.is_set():
            swept += retention.sweep(service.sessions, local_storage, orphan_seconds=orphan_seconds[0])
        return swept

    def submit_and_delete(number: int) -> None:
        for turn in range(rounds):
            data = pictures[(number + turn) % 3]
            try:
                job = submit(service, data, pictures[turn % 3])
            except IntegrityError:
                orphan_seconds[0] *= 1.5
                continue
            if turn % 3:
                service.delete(job.id)
            else:
                kept.append(job.id)

    with ThreadPoolExecutor(4) as pool:
        sweeping = pool.submit(sweep)
        try:
            for done in [pool.submit(submit_and_delete, number) for number in range(3)]:
                done.result(PATIENCE)
        finally:
            stop.set()
        sweeping.result(PATIENCE)

    assert kept
    for job_id in kept:
        for role in ("content", "style"):
            assert bytes_of(service, job_id, role) in pictures


def test_the_id_of_a_deleted_job_is_never_another_owners(service: JobService, picture: Picture) -> None:
    chosen = str(uuid.uuid4())
    ada, bob = service.for_owner("ada"), service.for_owner("bob")

    def put(of: JobService) -> Job:
        pictures = {
            role: Upload(data=picture(), field=role, name=role) for role in ("content", "style")
        }
        return submit_job(of, "stylize", {}, job_id=chosen, **pictures)

    assert put(ada).id == chosen
    ada.delete(chosen)
    with pytest.raises(NotFoundError, match="choose another id"):
        put(bob)
    assert put(ada).id == chosen
