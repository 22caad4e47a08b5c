"""Markers and run order of the tests, from the folder that a test lies in.

`make test` leaves out what is marked `exhaustive`; `make test-all` leaves out nothing. In both, tests
marked `serial` run one at a time, after all others: browsers and benchmarks use every core themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Lane:
    """Markers of a folder's tests, and after how many seconds one of them counts as hung.

    In an `exhaustive` lane only the tests marked `smoke` are part of `make test`.
    """

    folder: str
    markers: tuple[str, ...] = ()
    exhaustive: bool = False
    timeout: int = 300


#: The first lane whose folder holds a test is the test's lane. Lanes run in this order: long tests come
#: first, so that the many short ones keep every worker process busy until the end.
LANES = (
    Lane("faults", ("integration", "faults", "serial"), exhaustive=True, timeout=900),
    Lane("browser", ("integration", "browser", "serial"), exhaustive=True, timeout=600),
    Lane("e2e", ("integration",), exhaustive=True, timeout=900),
    Lane("project"),
    Lane("bench"),
    Lane("worker/kinds"),
    Lane("nst_core"),
    Lane(""),
)
#: Fixtures that run a test once on each database.
BACKENDS = ("migrated_url", "database_url", "service_database")


def lane_of(path: Path) -> Lane:
    """The lane of a test file."""
    parents = {parent.as_posix() for parent in path.relative_to(TESTS).parents}
    return next(lane for lane in LANES if (lane.folder or ".") in parents)


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


def _repeats_on_postgres(item: pytest.Item) -> bool:
    """Whether the test runs on PostgreSQL although nothing in it depends on the dialect."""
    params = item.callspec.params if hasattr(item, "callspec") else {}
    on_postgres = any(params.get(name) == "postgres" for name in BACKENDS)
    return on_postgres and item.get_closest_marker("dialects") is None
