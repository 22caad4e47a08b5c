"""Hundreds of real jobs while everything fails in turn. `make faults JOBS=300` for the whole."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from faults import ledger
from faults.fault_stack import FaultStack
from faults.load import Load
from faults.servers import CrashingPostgres, FailingProxy
from faults.storm import Storm

from jobs.blobs.local import LocalStorage
from jobs.blobs.s3 import S3Storage
from jobs.blobs.storage import BlobStorage

pytestmark = pytest.mark.timeout(1800)

MakeLoad = Callable[[FaultStack], Load]


def blow(storm: Storm, jobs: int, storage: BlobStorage, capsys: pytest.CaptureFixture[str]) -> None:
    """Every fault in a seeded order, as often as there are jobs for; then the books must balance."""
    faults = storm.faults()
    each = 8
    rounds = max(1, jobs // (each * len(faults)))
    for _ in range(rounds):
        storm.random.shuffle(faults)
        for fault in faults:
            storm.strike(fault, max(each, jobs // (rounds * len(faults)) - 2))
    storm.settle()

    figures = ledger.check(storm.stack.sessions, storage, storm.load.accepted)
    ledger.check_pictures(storm.stack.sessions, storage, storm.load.accepted, storm.load.style)
    with capsys.disabled():
        sent_again = f"submits sent again by the client   {storm.load.accepted.resent}"
        print("", *figures.lines(), sent_again, *storm.report(), sep="\n  ")
    assert figures.again > 0
    assert figures.leases_expired > 0
    assert figures.claims_refused > 0
    assert figures.writes_refused > 0


def test_a_storm_on_postgresql_and_s3(
    make_stack: Callable[..., FaultStack],
    make_load: MakeLoad,
    crashing_postgres: CrashingPostgres,
    failing_s3: FailingProxy,
    s3_storage: S3Storage,
    fault_jobs: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stack = make_stack(
        crashing_postgres.new_database(),
        STORAGE_URL=f"s3://{s3_storage.bucket}/blobs",
        S3_ENDPOINT_URL=failing_s3.url,
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        AWS_DEFAULT_REGION="us-east-1",
    )
    storm = Storm(stack, make_load(stack), crashing_postgres, failing_s3)

    blow(storm, fault_jobs, s3_storage, capsys)


def test_a_storm_on_sqlite_and_files(
    make_stack: Callable[..., FaultStack],
    make_load: MakeLoad,
    sqlite_url: str,
    fault_jobs: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stack = make_stack(sqlite_url)
    storm = Storm(stack, make_load(stack))

    blow(storm, fault_jobs // 3, LocalStorage(stack.home / "blobs"), capsys)
