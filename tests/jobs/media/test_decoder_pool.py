"""Children that die, idle or busy, are replaced; tasks have limits of time."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator

import psutil
import pytest

from jobs.media.decoder_pool import ChildDiedError, ChildStartError, DecoderPool, NotInTimeError

MEGABYTES = 600
SECONDS = 60


@pytest.fixture(scope="module")
def pool() -> DecoderPool:
    return DecoderPool(megabytes=MEGABYTES, processes=2)


def call(pool: DecoderPool, function, *args, seconds: float = SECONDS):
    return pool.submit(function, *args, seconds=seconds).result(2 * SECONDS)


def all_pids(pool: DecoderPool) -> set[int]:
    """The children's process ids, once all have started."""
    deadline = time.monotonic() + SECONDS
    while len(pool.pids) < 2 and time.monotonic() < deadline:
        call(pool, int)
    return set(pool.pids)


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    """Send a signal, and wait for the end of SIGKILL without collecting the exit code."""
    process = psutil.Process(pid)
    process.send_signal(number)
    while number == signal.SIGKILL and process.is_running():
        if process.status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.01)


@contextlib.contextmanager
def frozen(pool: DecoderPool) -> Iterator[None]:
    """Stop the child of a pool of one: tasks wait until all of them have been submitted."""
    child = call(pool, os.getpid)
    kill(child, signal.SIGSTOP)
    yield
    kill(child, signal.SIGCONT)


def test_a_task_runs_in_a_child(pool: DecoderPool) -> None:
    assert call(pool, os.getpid) in all_pids(pool)
    assert call(pool, len, b"four") == 4
    with pytest.raises(ValueError, match="invalid literal"):
        call(pool, int, "none")


def test_idle_children_that_are_killed_are_replaced(pool: DecoderPool) -> None:
    for _ in range(3):
        before = all_pids(pool)
        for pid in before:
            kill(pid)
        assert call(pool, len, b"x" * 300_000) == 300_000
        assert not all_pids(pool) & before
        pool.check(SECONDS)


def test_a_task_whose_child_is_killed_is_tried_once_more(pool: DecoderPool) -> None:
    all_pids(pool)
    future = pool.submit(time.sleep, 2, seconds=SECONDS)
    others = [pool.submit(len, b"12", seconds=SECONDS) for _ in range(4)]
    deadline = time.monotonic() + SECONDS
    while not any(child.busy for child in pool._children) and time.monotonic() < deadline:
        time.sleep(0.01)
    for pid in pool.pids:
        kill(pid)
    assert future.result(SECONDS) is None
    assert [other.result(SECONDS) for other in others] == [2] * 4


def test_owners_take_turns() -> None:
    """An owner with one task does not wait for all the tasks of another."""
    pool = DecoderPool(megabytes=MEGABYTES, processes=1)
    ended: list[str] = []
    futures = []
    with frozen(pool):
        for owner in ["many"] * 10 + ["one"]:
            future = pool.submit(int, seconds=SECONDS, owner=owner)
            future.add_done_callback(lambda _, owner=owner: ended.append(owner))
            futures.append(future)
    for future in futures:
        future.result(SECONDS)
    assert ended.index("one") <= 2


def test_a_task_that_starts_too_late_is_not_run() -> None:
    pool = DecoderPool(megabytes=MEGABYTES, processes=1)
    with frozen(pool):
        busy = pool.submit(int, seconds=SECONDS)
        late = pool.submit(os.getpid, seconds=SECONDS, deadline=time.monotonic())
        canceled = pool.submit(os.getpid, seconds=SECONDS)
        assert canceled.cancel()
    with pytest.raises(NotInTimeError):
        late.result(SECONDS)
    assert busy.result(SECONDS) == 0
    assert call(pool, len, b"four") == 4


def test_a_child_that_crashes_costs_one_task(pool: DecoderPool) -> None:
    with pytest.raises(ChildDiedError, match="-11"):
        call(pool, _crash)
    assert call(pool, len, b"four") == 4


def _crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def _kill_oneself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_task_that_kills_its_child_each_time_is_given_up(pool: DecoderPool) -> None:
    with pytest.raises(ChildDiedError, match="-9"):
        call(pool, _kill_oneself)
    assert call(pool, len, b"four") == 4


@pytest.mark.parametrize("size", [0, 2_000_000])
def test_a_frozen_child_is_killed_when_the_time_is_over(pool: DecoderPool, size: int) -> None:
    """With 2 MB, sending blocks: the pipe is full and the child does not read."""
    frozen = set(all_pids(pool))
    for pid in frozen:
        kill(pid, signal.SIGSTOP)
    with pytest.raises(TimeoutError):
        call(pool, len, b"x" * size, seconds=1)
    # The children that had no task wake up: the next task may go to any child.
    for pid in frozen:
        with contextlib.suppress(psutil.NoSuchProcess):
            kill(pid, signal.SIGCONT)
    assert call(pool, len, b"four") == 4
    assert len(frozen - all_pids(pool)) == 1


def test_a_task_over_its_time_is_ended(pool: DecoderPool) -> None:
    with pytest.raises(TimeoutError):
        call(pool, time.sleep, 60, seconds=0.5)


def test_children_can_write_no_file(pool: DecoderPool, tmp_path) -> None:
    path = tmp_path / "left-behind"
    with pytest.raises(OSError, match="too large"):
        call(pool, type(path).write_bytes, path, b"x")
    assert not path.exists() or path.stat().st_size == 0


def test_children_have_no_more_memory_than_allowed(pool: DecoderPool) -> None:
    with pytest.raises(MemoryError):
        call(pool, bytearray, MEGABYTES * 1_000_000)
    assert call(pool, len, b"four") == 4


def test_the_check_fails_without_a_child(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(process: object) -> None:
        raise OSError("no process left")

    monkeypatch.setattr("multiprocessing.context.SpawnProcess.start", refuse)
    pool = DecoderPool(megabytes=MEGABYTES, processes=1)
    with pytest.raises(ChildStartError):
        pool.check(5)


@pytest.mark.parametrize("size", [0, 1, 1 << 20, 5_000_001])
def test_a_file_of_any_size_reaches_the_child(pool: DecoderPool, size: int) -> None:
    data = os.urandom(size)

    assert call(pool, bytes.hex, data) == data.hex()
    assert call(pool, bytes.count, data, b"\0") == data.count(b"\0")
