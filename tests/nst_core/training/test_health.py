from __future__ import annotations

import pytest

from nst_core.training.health import PROBLEM_MESSAGES, HealthMonitor, ReferenceLosses, StepMeasurements

YARD = ReferenceLosses(content=1.5, style=1.0, saturation=0.1)
WELL = {"content": 0.7, "style": 0.2, "total": 2.0, "contrast": 0.2, "saturation": 0.05}


def watch_for(
    steps: int, watch: HealthMonitor | None = None, **odd: float
) -> tuple[HealthMonitor, list[str | None]]:
    watch = watch or HealthMonitor(YARD)
    return watch, [watch.observe(StepMeasurements(**{**WELL, **odd})) for _ in range(steps)]


def test_a_training_that_goes_well_is_left_alone() -> None:
    watch, seen = watch_for(450)
    assert seen == [None] * 450
    assert watch.healthy


@pytest.mark.parametrize("odd", ["content", "style", "total", "contrast"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_seen_at_once(odd: str, value: float) -> None:
    assert watch_for(1, **{odd: value})[1] == ["not_a_number"]


@pytest.mark.parametrize(
    ("name", "odd"),
    [
        ("diverged", {"total": 50.0}),
        ("flat_output", {"contrast": 0.001}),
        ("saturated", {"saturation": 0.95}),
        ("content_lost", {"content": 1.45}),
        ("no_style", {"style": 0.99}),
    ],
)
def test_trouble_is_told_after_it_lasted(name: str, odd: dict[str, float]) -> None:
    watch, _ = watch_for(420)
    watch, seen = watch_for(120, watch, **odd)
    assert name in seen
    assert name in PROBLEM_MESSAGES
    assert 30 <= seen.index(name) < 110
    assert not watch.healthy
    watch.reset()
    assert watch.healthy


def test_the_first_pictures_of_a_random_network_are_forgiven() -> None:
    assert watch_for(100, contrast=0.0, saturation=1.0, content=2.0)[1] == [None] * 100


def test_a_style_of_black_and_white_may_be_painted_so() -> None:
    watch = HealthMonitor(ReferenceLosses(content=1.5, style=1.0, saturation=0.9))
    assert watch_for(300, watch, saturation=0.92)[1] == [None] * 300


def test_it_has_converged_when_three_windows_are_alike() -> None:
    falling = HealthMonitor(YARD, window=50)
    for step in range(300):
        falling.observe(StepMeasurements(**{**WELL, "total": 2.0 * 0.999**step}))
        assert not falling.converged
    flat = HealthMonitor(YARD, window=50)
    found = []
    for _ in range(200):
        flat.observe(StepMeasurements(**WELL))
        found.append(flat.converged)
    assert found.index(True) == 149


def test_it_goes_on_where_it_was() -> None:
    one, _ = watch_for(200)
    other = HealthMonitor(YARD)
    other.restore(one.state())
    assert other.state() == one.state()
    assert watch_for(250, one, style=1.0)[1] == watch_for(250, other, style=1.0)[1]
