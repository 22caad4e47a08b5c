"""Sizes that follow from the settings of a rendering."""

from __future__ import annotations

import pytest

from params.painting import PictureSettings
from params.working_size import working_side


def test_the_working_size_depends_on_the_stroke_alone() -> None:
    assert [working_side(stroke) for stroke in (0.5, 1, 2, 8)] == [2048, 1024, 512, 128]


@pytest.mark.parametrize(
    ("size", "stroke", "side"), [(None, 2, None), (384, None, 384), (384, 1, 1024), (4096, 1, 4096)]
)
def test_a_content_is_used_at_the_larger_of_both_sizes(
    size: int | None, stroke: float | None, side: int | None
) -> None:
    assert PictureSettings(size=size, stroke=stroke).longest_side == side
