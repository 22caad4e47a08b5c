"""Markers and run order of the tests, from the folder that a test lies in.

`make test` leaves out what is marked `exhaustive`; `make test-all` leaves out nothing, and runs the
tests marked `serial` alone, after all others: they compare times, which other tests would change.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from xdist.scheduler import LoadFileScheduling

TESTS = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Lane:
    """Markers of the tests of a folder or file, and after how many seconds one of them counts as hung.

    In an `exhaustive` lane only the tests marked `smoke` are part of `make test`. The files of a lane
    that is `together` run in one worker process, because they share what takes long to start.
    """

    path: str
    markers: tuple[str, ...] = ()
    exhaustive: bool = False
    timeout: int = 300
    together: bool = False


#: The first lane whose path holds a test is the test's lane. Lanes run in this order: long files come
#: first, so that the many short ones keep every worker process busy until the end.
LANES = (
    Lane("browser", ("integration", "browser"), exhaustive=True, timeout=600, together=True),
    Lane("project/test_documented_commands.py", ("integration",), exhaustive=True, timeout=900),
    Lane("faults", ("integration", "faults"), exhaustive=True, timeout=900),
    Lane("e2e", ("integration",), exhaustive=True, timeout=900),
    Lane("nst_core/export"),
    Lane("bench"),
    Lane("project"),
    Lane("worker/kinds"),
    Lane("nst_core"),
    Lane(""),
)
#: Fixtures that run a test once on each database.
BACKENDS = ("migrated_url", "database_url", "service_database")


def lane_of(path: Path) -> Lane:
    """The lane of a test file."""
    own = path.relative_to(TESTS)
    paths = {each.as_posix() for each in (own, *own.parents)}
    return next(lane for lane in LANES if (lane.path or ".") in paths)


def mark_by_lane(item: pytest.Item) -> None:
    """Add the markers and the time limit of the test's lane."""
    lane = lane_of(item.path)
    for name in lane.markers:
        item.add_marker(name)
    if item.get_closest_marker("timeout") is None:
        item.add_marker(pytest.mark.timeout(lane.timeout))
    only_smoke = lane.exhaustive and item.get_closest_marker("smoke") is None
    if only_smoke or _repeats_on_postgres(item):
        item.add_marker("exhaustive")


def sort_by_lane(items: list[pytest.Item]) -> None:
    """Order the tests by lane; within a lane they keep their order."""
    items.sort(key=lambda item: LANES.index(lane_of(item.path)))


def unit_of(file: str) -> str:
    """What one worker process gets at a time: a file, or the lane of a file that is `together`."""
    lane = lane_of(TESTS.parent / file)
    return lane.path if lane.together else file


class LaneScheduling(LoadFileScheduling):
    """Gives the units of the lanes to the worker processes, in the order of the lanes."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(super()._split_scope(nodeid))


def _repeats_on_postgres(item: pytest.Item) -> bool:
    """Whether the test runs on PostgreSQL although nothing in it depends on the dialect."""
    params = item.callspec.params if hasattr(item, "callspec") else {}
    on_postgres = any(params.get(name) == "postgres" for name in BACKENDS)
    return on_postgres and item.get_closest_marker("dialects") is None
