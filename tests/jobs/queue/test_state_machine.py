"""Random histories of the queue: see `queue_machine` for the steps and what must always hold."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import Engine
from support.queue_machine import ENDS, QueueMachine

from jobs.db.engine import make_sessions
from jobs.queue.lifecycle import FINAL, Run

EXHAUSTIVE = pytest.mark.exhaustive
pytestmark = [pytest.mark.dialects, pytest.mark.timeout(600)]


@pytest.fixture
def machine(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> type[QueueMachine]:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    clock = {"now": start}
    monkeypatch.setattr("jobs.queue.lifecycle.now", lambda session: clock["now"])

    def set_clock(_: object, seconds: float) -> None:
        clock["now"] = start + timedelta(seconds=seconds)

    return type("Machine", (QueueMachine,), {"sessions": make_sessions(engine), "set_clock": set_clock})


def test_histories_that_hypothesis_makes_up(machine: type[QueueMachine]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            stateful_step_count=30,
            # Making a failing history shorter takes minutes; add Phase.shrink when there is one.
            phases=[Phase.generate],
        ),
    )


class Walk:
    """A long history in which every step is about as likely; hypothesis likes to repeat itself."""

    def __init__(self, machine: type[QueueMachine], seed: int) -> None:
        self.draw = random.Random(seed)
        self.machine = machine()
        self.machine.empty()
        self.runs: list[Run] = []

    def step(self) -> None:
        draw, machine = self.draw, self.machine
        choices = ["submit", "work", "time", "pause", "claim", "claim", "run", "run", "run", "cancel"]
        choice = draw.choice([*choices, "retry"])
        if choice == "submit":
            machine.submit(draw.choice("ab"), draw.choice([0, 0, 3]), draw.choice([None, 30.0]))
        elif choice == "work":
            machine.work(draw.choice(ENDS))
        elif choice == "time":
            machine.time_goes_by(draw.choice([0.0, 25.0, 100.0]), draw.choice([True, False]))
        elif choice == "pause":
            machine.pause(draw.random() < 0.2)
        elif choice == "claim":
            run = machine.claim_one()
            self.runs += [run] if run else []
        elif choice == "run" and self.runs:
            self._act()
        elif choice == "cancel" and machine.jobs:
            machine.cancel(draw.randrange(40))
        elif choice == "retry" and any(job.status in FINAL for job in machine.jobs.values()):
            machine.retry(draw.randrange(40))
        machine.the_rows_are_as_the_model_says()
        machine.no_owner_has_more_running_than_allowed()

    def _act(self) -> None:
        """Mostly one of the newest runs, sometimes one that lost its job long ago."""
        draw, machine = self.draw, self.machine
        run = draw.choice(self.runs[-3:] if draw.random() < 0.7 else self.runs)
        action = draw.randrange(3)
        if action == 0:
            machine.heartbeat_or_progress(run, draw.choice([None, 1]))
        elif action == 1:
            machine.end(run, draw.choice(ENDS))
        else:
            machine.requeue(run, draw.choice([0.0, 20.0]), draw.choice([True, False]))


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=EXHAUSTIVE) for n in range(1, 5))])
def test_long_histories(machine: type[QueueMachine], seed: int) -> None:
    walk = Walk(machine, seed)

    for _ in range(200):
        walk.step()

    walk.machine.teardown()
    assert {job.status for job in walk.machine.jobs.values()} >= FINAL  # it has been everywhere
