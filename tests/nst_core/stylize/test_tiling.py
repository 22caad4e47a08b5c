from __future__ import annotations

import numpy as np
import pytest
import torch

from nst_core.networks.adain import channel_statistics
from nst_core.stylize.tiling import coverage, merge_statistics, spans, tiles


@pytest.mark.parametrize(
    ("length", "window", "margin"), [(100, 100, 8), (101, 100, 8), (1000, 96, 16), (96, 320, 80)]
)
def test_spans_cover_once_and_keep_their_margins(length: int, window: int, margin: int) -> None:
    found = spans(length, window, margin)
    assert [place for _, inner in found for place in range(*inner)] == list(range(length))
    for (start, end), (first, last) in found:
        assert end - start == min(length, window)
        assert start >= 0
        assert end <= length
        assert first - start >= margin or start == 0
        assert end - last >= margin or end == length


def test_a_window_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="no room"):
        spans(100, 32, 16)


def test_tiles_put_a_picture_together_again() -> None:
    picture = np.arange(70 * 90).reshape(70, 90)
    again = np.zeros_like(picture)
    for tile in tiles(70, 90, 40, 8):
        again[tile.inner] += picture[tile.window][tile.kept]
    np.testing.assert_array_equal(again, picture)


def test_coverage_counts_part_of_the_last_cell() -> None:
    np.testing.assert_allclose(coverage(13, 32, 8), [1, 5 / 8, 0, 0])


def test_statistics_of_parts_are_those_of_the_whole() -> None:
    whole = torch.rand(1, 5, 12, 40) ** 3
    parts = []
    for columns in (slice(0, 7), slice(7, 30), slice(30, 40)):
        piece = whole[..., columns]
        parts.append((torch.cat(channel_statistics(piece), 1), float(piece[0, 0].numel())))
    expected = torch.cat(channel_statistics(whole), 1)
    torch.testing.assert_close(merge_statistics(parts, [5]), expected, atol=1e-6, rtol=1e-5)


def test_weighted_statistics_are_those_of_what_counts() -> None:
    features, weight = torch.rand(2, 4, 6, 8), torch.zeros(2, 1, 6, 8)
    weight[..., :4, :5] = 1
    counted = channel_statistics(features[..., :4, :5])
    for mine, expected in zip(channel_statistics(features, weight), counted, strict=True):
        torch.testing.assert_close(mine, expected)
