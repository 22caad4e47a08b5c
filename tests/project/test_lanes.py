"""What `make test` runs of the tests that start the whole service."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.lanes import LANES, TESTS, Lane, unit_of

#: A promise, and the name of its smoke test.
PROMISES = {
    "a photo becomes a picture": "test_a_picture_and_its_job_survive_a_restart_of_everything",
    "a job is canceled": "test_a_canceled_job_ends_at_once",
    "a killed worker loses no job": "test_a_worker_killed_in_mid_job",
    "a worker drains": "test_a_job_that_ends_in_time_is_ended",
    "Redis may be away": "test_jobs_are_taken_while_redis_is_away_and_run_when_it_is_back",
    "the studio works in a browser": "test_a_photo_becomes_a_painting",
}


def collected(expression: str) -> set[str]:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", expression]
    folders = [str(TESTS / name) for name in ("e2e", "browser", "faults")]
    done = subprocess.run(
        [*command, *folders], cwd=TESTS.parent, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return set(re.findall(r"^tests/.+\.py::(\w+)", done.stdout, re.MULTILINE))


def test_make_test_keeps_a_smoke_test_of_each_promise() -> None:
    assert set(PROMISES.values()) <= collected("not exhaustive")


@pytest.mark.parametrize("lane", LANES, ids=lambda lane: lane.path or "the rest")
def test_the_path_of_a_lane_exists(lane: Lane) -> None:
    assert (TESTS / lane.path).exists()


def test_all_walks_through_the_pages_share_one_browser() -> None:
    files = [f"tests/browser/{path.name}" for path in (TESTS / "browser").glob("test_*.py")]

    assert {unit_of(file) for file in files} == {"browser"}
    assert unit_of("tests/faults/test_storm.py") == "tests/faults/test_storm.py"


def test_the_serial_tests_lie_where_make_test_all_looks_for_them() -> None:
    """The second command of `make test-all` collects these files: all would take many seconds."""
    named = re.search(r"^SERIAL := (.*)$", (TESTS.parent / "Makefile").read_text(), re.MULTILINE)
    assert named is not None
    marked = {path for path in TESTS.rglob("test_*.py") if "mark.serial" in path.read_text()}

    assert {TESTS.parent / name for name in named[1].split()} == marked - {Path(__file__)}
    assert not any("serial" in lane.markers for lane in LANES)
