from __future__ import annotations

import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Select, event, func, select, text, update
from support.patience import PATIENCE
from support.submitting import submit_batch, submit_job
from support.tests_support import network_file, zipped

from jobs.accounts import quotas
from jobs.accounts.quotas import QueueCounts
from jobs.blobs import rows
from jobs.blobs.local import LocalStorage
from jobs.blobs.usage import compute_usage, discard_usage
from jobs.db.models.blobs import Blob
from jobs.db.models.jobs import Job
from jobs.errors import InvalidParamsError, OverLimitError, QueueFullError
from jobs.media.pictures import Upload
from jobs.queue import lifecycle
from jobs.service import JobService

pytestmark = pytest.mark.dialects

Submit = Callable[..., Job]


def allow(service: JobService, **limits: int) -> None:
    changed = service.settings.model_copy(update=limits)
    service.settings = changed


def stored(storage: LocalStorage) -> set[Path]:
    return {path for path in storage.folder.rglob("*") if path.is_file()}


def test_an_owner_over_the_bound_of_queued_jobs_is_refused_and_others_are_not(
    service: JobService, submit: Submit, local_storage: LocalStorage
) -> None:
    allow(service, max_queued_per_owner=2)
    submit(owner="ann", seed=1)
    submit(owner="ann", seed=2)
    before = stored(local_storage)

    with pytest.raises(OverLimitError) as refused:
        submit(owner="ann", seed=3)
    submit(owner="bob", seed=4)

    assert refused.value.retry_after > 0
    assert "2 queued jobs" in refused.value.detail
    assert len(stored(local_storage) - before) == 1  # bob's photo, and nothing of ann's third


def test_a_claimed_job_makes_room(service: JobService, submit: Submit) -> None:
    allow(service, max_queued_per_owner=1)
    submit(owner="ann", seed=1)
    with service.sessions.begin() as session:
        assert lifecycle.claim(session, "stylize", "w", 60) is not None

    assert submit(owner="ann", seed=2).status == "queued"


def test_a_full_queue_refuses_everybody(service: JobService, submit: Submit) -> None:
    allow(service, max_queued=2)
    submit(owner="ann", seed=1)
    submit(owner="bob", seed=2)

    with pytest.raises(QueueFullError):
        submit(owner="cleo", seed=3)


def counted(service: JobService) -> list[str]:
    """The statements that count queued jobs, as they are executed from now on."""
    statements: list[str] = []

    @event.listens_for(service.engine, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("SELECT count(*)") and "FROM jobs" in statement:
            statements.append(statement)

    return statements


def test_the_queue_is_counted_anew_only_when_it_may_be_full(
    service: JobService, submit: Submit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quotas, "COUNT_SECONDS", 3600.0)
    allow(service, max_queued=12)
    statements = counted(service)

    submit(seed=1)
    for seed in range(2, 7):
        submit(seed=seed)
    assert len(statements) == 1
    for seed in range(7, 13):
        submit(seed=seed)
    assert len(statements) == 7  # more than half full: each submit counts
    with pytest.raises(QueueFullError):
        submit(seed=13)

    with service.sessions.begin() as session:
        session.execute(update(Job).values(status="canceled"))
    assert submit(seed=14).status == "queued"


def test_a_count_is_used_for_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 100.0
    monkeypatch.setattr(quotas.time, "monotonic", lambda: clock)
    counts = QueueCounts()
    assert not counts.have_room("stylize", 1, 100)
    counts.set("stylize", 10)

    assert counts.have_room("stylize", 39, 100)
    assert counts.have_room("stylize", 1, 100)
    assert not counts.have_room("stylize", 1, 100)  # 51 of 100 would be more than half
    assert not counts.have_room("train", 1, 100)
    counts.set("stylize", 10)
    clock += quotas.COUNT_SECONDS
    assert not counts.have_room("stylize", 1, 100)


def plan(service: JobService, statement: Select[Any], values: dict[str, str]) -> str:
    with service.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET enable_seqscan = off"))  # the table is small
            prefix = "EXPLAIN "
        else:
            prefix = "EXPLAIN QUERY PLAN "
        compiled = statement.params(values).compile(connection, compile_kwargs={"literal_binds": True})
        rows = connection.execute(text(prefix + str(compiled))).all()
    return "\n".join(str(row[-1]) for row in rows)


def test_counts_read_an_index_of_the_queued_jobs_only(service: JobService) -> None:
    of_queue = plan(service, quotas._QUEUED, {"queue": "stylize"})
    of_owner = plan(service, quotas._QUEUED_BY_OWNER, {"owner": "ann"})

    # Each of these begins with the columns of the condition, or has only queued jobs.
    assert re.search("ix_jobs_queued|ix_jobs_finished", of_queue)
    assert re.search("ix_jobs_queued|ix_jobs_owner_status", of_owner)


def test_the_bound_of_bytes_counts_each_file_once(service: JobService, submit: Submit) -> None:
    submit(owner="ann", seed=1)
    with service.sessions() as session:
        assert compute_usage(session, "ann") == session.scalar(select(func.sum(Blob.size)))
        assert compute_usage(session, "bob") == 0
    service.styles.register_gallery()
    allow(service, max_mb_per_owner=1)
    with service.sessions.begin() as session:
        session.get_one(Blob, service.for_owner("ann").page().jobs[0].inputs[0].sha256).size = 999_900

    submit(owner="ann", seed=1, use_cache=False)  # nothing that is not kept already
    with pytest.raises(OverLimitError, match=r"use 1\.0 MB"):
        submit(owner="ann", seed=2)
    submit(owner="bob", seed=2)


def test_the_gallery_costs_its_users_nothing(
    service: JobService, picture: Callable[..., bytes]
) -> None:
    from jobs.media.pictures import Upload

    service.styles.register_gallery()
    photo = picture(8, 8)
    content = Upload(data=photo, field="content", name="content")
    submit_job(service.for_owner("ann"), "stylize", {}, content=content, style_id="woodcut")

    with service.sessions() as session:
        assert compute_usage(session, "ann") == len(photo)


def test_more_at_once_than_could_ever_wait_is_a_bad_request(
    service: JobService, picture: Callable[..., bytes]
) -> None:
    from jobs.media.pictures import Upload

    allow(service, max_queued_per_owner=2)
    photos = [Upload(data=picture(8, 8, seed=n), field="content", name="c") for n in range(3)]
    style = Upload(data=picture(8, 8, seed=9), field="style", name="s")

    with pytest.raises(InvalidParamsError):
        submit_batch(
            service.for_owner("ann"), "stylize", {}, contents=photos, styles=[style], style_ids=[]
        )


def test_the_bound_of_an_owner_holds_when_requests_race(service: JobService, submit: Submit) -> None:
    allow(service, max_queued_per_owner=3)
    barrier = threading.Barrier(8)

    def one(seed: int) -> bool:
        barrier.wait()
        try:
            submit(owner="ann", seed=seed)
        except OverLimitError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        taken = sum(pool.map(one, range(8)))

    assert taken == 3
    assert len(service.for_owner("ann").page().jobs) == 3


WAYS_IN = ["upload", "style", "network", "dataset"]


def send(service: JobService, way: str, picture: Callable[..., bytes], seed: int) -> None:
    """Keep something of about 70 kB for Ann, other than a job."""
    ann = service.for_owner("ann")
    noise = picture(160, 160, seed=seed)
    upload = Upload(data=noise, field="file", name="file")
    if way == "upload":
        ann.uploads.add(upload)
    elif way == "style":
        ann.styles.add(upload, title="Mine")
    elif way == "network":
        ann.networks.add_file(network_file(note="x" * 70_000 + str(seed)), name="mine")
    else:
        ann.datasets.add_archive(zipped({"a.png": noise}), name="mine")


@pytest.mark.parametrize("way", WAYS_IN)
def test_whatever_is_kept_counts(
    service: JobService, picture: Callable[..., bytes], local_storage: LocalStorage, way: str
) -> None:
    allow(service, max_mb_per_owner=1)
    send(service, way, picture, 1)
    with service.sessions.begin() as session:
        session.execute(update(Blob).values(size=999_000))
        discard_usage(session)  # sizes never change but here
    before = stored(local_storage)

    with pytest.raises(OverLimitError):
        send(service, way, picture, 2)

    assert stored(local_storage) == before


@pytest.mark.parametrize("way", WAYS_IN)
def test_the_bound_of_bytes_holds_when_requests_race(
    service: JobService, picture: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    allow(service, max_mb_per_owner=1)
    send(service, way, picture, 1)
    with service.sessions.begin() as session:
        session.execute(update(Blob).values(size=900_000))  # there is room for one more
        discard_usage(session)
    barrier = threading.Barrier(4)
    checked = rows.store_blobs

    def together(*arguments: Any) -> None:
        barrier.wait(PATIENCE)  # all have been told that there is room
        checked(*arguments)

    monkeypatch.setattr("jobs.blobs.rows.store_blobs", together)

    def one(seed: int) -> bool:
        try:
            send(service, way, picture, seed)
        except OverLimitError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        taken = sum(pool.map(one, range(2, 6)))

    assert taken == 1
    with service.sessions() as session:
        assert compute_usage(session, "ann") <= 1_000_000
