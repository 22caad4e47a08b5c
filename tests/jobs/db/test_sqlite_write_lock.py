from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError
from support.patience import PATIENCE

from jobs.db.engine import make_engine, make_sessions, reading
from jobs.db.sqlite_write_lock import FairWriteLock


@pytest.fixture
def locks(monkeypatch: pytest.MonkeyPatch) -> list[FairWriteLock]:
    """The locks of the engines that a test makes."""
    made: list[FairWriteLock] = []

    def make(engine: Engine, *, seconds: float, max_waiting: int | None) -> FairWriteLock:
        made.append(FairWriteLock(engine, seconds=seconds, max_waiting=max_waiting))
        return made[-1]

    monkeypatch.setattr("jobs.db.engine.FairWriteLock", make)
    return made


@pytest.fixture
def engine(tmp_path: Path, locks: list[FairWriteLock]) -> Iterator[Engine]:
    engine = make_engine(f"sqlite:///{tmp_path / 'turns.db'}")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE said (word TEXT NOT NULL)"))
    yield engine
    engine.dispose()


class Writer(threading.Thread):
    """Writes a word as soon as it may, then keeps its transaction open until it is told."""

    def __init__(self, engine: Engine, word: str, order: list[str]) -> None:
        super().__init__(daemon=True)
        self._sessions, self._word, self._order = make_sessions(engine), word, order
        self.wrote, self.may_end = threading.Event(), threading.Event()

    def run(self) -> None:
        with self._sessions.begin() as session:
            session.execute(text("INSERT INTO said VALUES (:word)"), {"word": self._word})
            self._order.append(self._word)
            self.wrote.set()
            assert self.may_end.wait(PATIENCE)


def test_writers_go_in_the_order_in_which_they_came(engine: Engine, locks: list[FairWriteLock]) -> None:
    order: list[str] = []
    writers = [Writer(engine, word, order) for word in "abcdef"]
    for number, writer in enumerate(writers):
        writer.start()
        assert number or writer.wrote.wait(PATIENCE)  # the first one has the lock
        while locks[0].waiting() < number:
            time.sleep(0.001)
    for writer in writers:
        assert writer.wrote.wait(PATIENCE)
        writer.may_end.set()
    for writer in writers:
        writer.join(PATIENCE)
    assert order == list("abcdef")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT word FROM said")).scalars().all() == order


def test_readers_wait_for_nobody(engine: Engine) -> None:
    sessions = make_sessions(engine)
    with sessions.begin() as writing:
        writing.execute(text("INSERT INTO said VALUES ('a')"))
        with reading(sessions) as session:
            assert session.scalar(text("SELECT count(*) FROM said")) == 0


@pytest.mark.parametrize("end", ["commit", "rollback", "error", "invalidate"])
def test_every_end_hands_the_turn_on(engine: Engine, end: str) -> None:
    sessions = make_sessions(engine)
    with suppress(OperationalError), sessions() as session:
        session.execute(text("INSERT INTO said VALUES ('a')"))
        if end == "error":
            session.execute(text("INSERT INTO nowhere VALUES ('a')"))
        elif end == "invalidate":
            session.connection().invalidate()
        else:
            getattr(session, end)()
    done = threading.Event()

    def write() -> None:
        with sessions.begin() as session:
            session.execute(text("INSERT INTO said VALUES ('b')"))
        done.set()

    threading.Thread(target=write, daemon=True).start()
    assert done.wait(PATIENCE)


@pytest.fixture
def impatient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine) -> Iterator[Engine]:
    monkeypatch.setattr("jobs.db.engine.LOCK_SECONDS", 0.1)
    impatient = make_engine(f"sqlite:///{tmp_path / 'turns.db'}")
    yield impatient
    impatient.dispose()


def test_a_transaction_that_could_not_begin_hands_the_turn_on(
    engine: Engine, impatient: Engine
) -> None:
    # To SQLite, a second engine is another process.
    with engine.begin():
        for _ in range(2):
            with pytest.raises(OperationalError, match="locked"), impatient.begin():
                pass
    with impatient.begin() as connection:
        connection.execute(text("INSERT INTO said VALUES ('a')"))


def test_a_turn_that_does_not_come_is_not_waited_for_for_ever(impatient: Engine) -> None:
    with impatient.begin(), pytest.raises(OperationalError, match="locked"), impatient.begin():
        pass
    with impatient.begin() as connection:
        connection.execute(text("INSERT INTO said VALUES ('b')"))


def test_of_many_requests_few_wait_for_a_database_that_another_process_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    """Without a limit every thread of the web server waits: nothing is answered for a minute."""
    monkeypatch.setattr("jobs.db.sqlite_write_lock.STUCK_SECONDS", 0.1)
    monkeypatch.setattr("jobs.db.engine.REQUEST_LOCK_SECONDS", PATIENCE)
    requests = make_engine(f"sqlite:///{tmp_path / 'turns.db'}", request_threads=4)
    refused, wrote = threading.Semaphore(0), threading.Semaphore(0)

    def write() -> None:
        try:
            with requests.begin() as connection:
                connection.execute(text("INSERT INTO said VALUES ('a')"))
            wrote.release()
        except OperationalError:
            refused.release()

    with engine.begin():
        threads = [threading.Thread(target=write) for _ in range(8)]
        for thread in threads:
            thread.start()
        # One waits in SQLite, two for their turn; five are refused while the lock is still held.
        for _ in range(5):
            assert refused.acquire(timeout=PATIENCE)
        late = threading.Thread(target=write)
        late.start()
        assert refused.acquire(timeout=PATIENCE)
    for thread in (*threads, late):
        thread.join(PATIENCE)
    assert not refused.acquire(blocking=False)
    assert [wrote.acquire(blocking=False) for _ in range(4)] == [True, True, True, False]
    requests.dispose()
