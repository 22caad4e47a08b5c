from __future__ import annotations

import numpy as np
import pytest

from nst_core.images.picture import Picture
from nst_core.stylize.regions import Region, RegionError, mask_of


def half(width: int = 64, height: int = 32) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    mask[:, width // 2 :] = 255
    return mask


def test_a_mask_of_any_size_is_stretched_to_the_result() -> None:
    mask = Region(half(8, 4)).at(300, 500)
    assert mask.shape == (500, 300)
    assert (mask[:, :120] == 0).all()
    assert (mask[:, 180:] == 255).all()
    shrunk = Region(half(4_000, 3)).at(10, 10)[5].tolist()
    assert (shrunk[:4], shrunk[6:]) == ([0] * 4, [255] * 4)


def test_an_unfeathered_edge_stays_hard() -> None:
    assert set(np.unique(Region(half()).at(64, 32))) == {0, 255}


def test_a_feather_fades_over_its_width_to_either_side() -> None:
    row = Region(half(200, 64), feather=20).at(200, 64)[32].astype(int)
    assert (np.diff(row) >= 0).all()
    assert abs(row[100] - 128) < 8
    assert row[100 - 24] < 8
    assert row[100 - 6] > 50
    assert row[100 + 24] > 247
    assert row[-1] == 255  # the picture's own border is no edge of the region


def test_a_picture_means_its_light_and_transparency_is_outside() -> None:
    pixels = np.array([[[255, 255, 255], [0, 0, 0], [100, 100, 100], [255, 255, 255]]], np.uint8)
    assert mask_of(Picture(pixels)).tolist() == [[255, 0, 100, 255]]
    alpha = np.array([[255, 255, 255, 0]], np.uint8)
    assert mask_of(Picture(pixels, alpha)).tolist() == [[255, 0, 100, 0]]


@pytest.mark.parametrize("values", [{"alpha": 1.1}, {"alpha": float("nan")}, {"feather": -1.0}])
def test_refusals(values: dict[str, float]) -> None:
    with pytest.raises(RegionError):
        Region(half(), **values)
