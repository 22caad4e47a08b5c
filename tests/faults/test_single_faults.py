"""Faults that need a service of their own: a stepped clock, a full disk, a frozen holder of a lease."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from faults import ledger
from faults.fault_stack import WORKERS, FaultStack, preloaded, set_clock
from faults.load import Load
from faults.storm import Storm
from support.patience import PATIENCE

from jobs.blobs.local import LocalStorage
from jobs.queue.lifecycle import JobStatus

MakeStack = Callable[..., FaultStack]
MakeLoad = Callable[[FaultStack], Load]
HOUR = 3600


def succeeded(stack: FaultStack, job_id: str) -> bool:
    job = stack.job(job_id)
    return job is not None and job.status == JobStatus.SUCCEEDED


@pytest.mark.parametrize("hours", [2, -2])
def test_workers_whose_wall_clock_is_hours_off(
    make_stack: MakeStack, make_load: MakeLoad, postgres_url: str, faketime: Path, hours: int
) -> None:
    """The database's clock decides; libfaketime steps the workers' while a job runs."""
    # No lease may run out because the machine is busy: an hour's step would end one of any length.
    stack = make_stack(postgres_url, LEASE_SECONDS="20")
    clock = stack.home / "clock"
    for name in WORKERS:
        stack.terminate(name)
    stack.environment |= preloaded(faketime, clock)
    stack.start(*WORKERS)
    load = make_load(stack)
    first = load.submit_one()
    stack.wait_until(lambda: succeeded(stack, first))

    storm = Storm(stack, load)
    job_id, _ = storm.target()
    set_clock(clock, hours * HOUR)
    later = [future.result(PATIENCE) for future in load.submit(4)]
    stack.wait_until(lambda: all(succeeded(stack, job) for job in [job_id, *later]))
    for _ in range(10):
        if shown_hours(stack) == {hours}:
            break
        # One worker was quick enough to do them all: the other has to run something as well.
        more = [future.result(PATIENCE) for future in load.submit(4)]
        stack.wait_until(lambda jobs=more: all(succeeded(stack, job) for job in jobs))

    job = stack.job(job_id)
    assert job is not None
    assert job.attempt == 1
    assert shown_hours(stack) == {hours}
    figures = ledger.check(stack.sessions, LocalStorage(stack.home / "blobs"), load.accepted)
    assert figures.leases_expired == 0


def shown_hours(stack: FaultStack) -> set[int]:
    """How far off the workers' last lines of log are, in whole hours: the clock did step."""
    lasts = [stack.log(name).strip().splitlines()[-1][:19] for name in WORKERS]
    off = [datetime.fromisoformat(last) - datetime.now(UTC).replace(tzinfo=None) for last in lasts]
    return {round(delta.total_seconds() / HOUR) for delta in off}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 32 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"a small file system can't be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_disk_that_is_full_and_has_room_again(
    make_stack: MakeStack, make_load: MakeLoad, sqlite_url: str, small_disk: Path
) -> None:
    stack = make_stack(sqlite_url, STORAGE_URL=(small_disk / "blobs").as_uri())
    load = make_load(stack)
    before = load.submit_one()
    stack.wait_until(lambda: succeeded(stack, before))
    job, name = Storm(stack, load).held_target()
    running = job.id
    fill(small_disk)
    stack.thaw(name)

    assert not stack._serves()  # /readyz says that no job can be taken
    refused = load.submit(3)
    stack.wait_until(lambda: load.accepted.resent >= 3)
    stack.wait_until(lambda: "No space left" in stack.log("worker-1") + stack.log("worker-2"))
    kept = stack.job(running)
    assert kept is not None
    assert kept.status != JobStatus.FAILED
    (small_disk / "filler").unlink()

    ids = [running, *(future.result(PATIENCE) for future in refused)]
    stack.wait_until(lambda: all(succeeded(stack, job_id) for job_id in ids))
    assert not list(small_disk.rglob("*.tmp"))
    ledger.check(stack.sessions, LocalStorage(small_disk / "blobs"), load.accepted)


def fill(folder: Path) -> None:
    with (folder / "filler").open("wb", buffering=0) as file:
        room = os.statvfs(folder)
        for _ in range(room.f_bavail):
            file.write(b"0" * room.f_bsize)
        assert os.statvfs(folder).f_bavail == 0
        with pytest.raises(OSError, match="No space"):
            file.write(b"0")


def test_a_store_that_is_away_for_a_while(
    make_stack: MakeStack, make_load: MakeLoad, sqlite_url: str
) -> None:
    """As when the volume is not mounted: jobs wait for it, and none fails for lack of its input."""
    stack = make_stack(sqlite_url)
    load = make_load(stack)
    for name in WORKERS:
        stack.terminate(name)
    ids = [future.result(PATIENCE) for future in load.submit(3)]
    blobs, away = stack.home / "blobs", stack.home / "away"
    blobs.rename(away)
    stack.start(*WORKERS)
    stack.wait_until(lambda: "tried again" in stack.log("worker-1") + stack.log("worker-2"))
    away.rename(blobs)

    stack.wait_until(lambda: all(succeeded(stack, job_id) for job_id in ids))
    ledger.check(stack.sessions, LocalStorage(blobs), load.accepted)
