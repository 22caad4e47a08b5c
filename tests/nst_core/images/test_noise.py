from __future__ import annotations

import numpy as np
import pytest

from nst_core.images.noise import noise_field


@pytest.mark.parametrize(
    ("top", "left", "height", "width"),
    [(0, 0, 7, 9), (13, 21, 40, 33), (101, 120, 1, 64), (199, 0, 1, 1), (8, 16, 128, 96)],
)
def test_a_window_holds_the_bits_of_the_whole(top: int, left: int, height: int, width: int) -> None:
    whole = noise_field(0, 0, 200, 220, 7)
    window = noise_field(top, left, height, width, 7)
    assert window.dtype == np.float32
    np.testing.assert_array_equal(window, whole[:, top : top + height, left : left + width])


def test_the_plane_goes_on_above_and_to_the_left() -> None:
    whole = noise_field(-35, -50, 100, 120, 7)
    np.testing.assert_array_equal(whole[:, 35:, 50:], noise_field(0, 0, 65, 70, 7))


def test_seeds_give_other_patterns() -> None:
    one, other = noise_field(0, 0, 256, 256, 1), noise_field(0, 0, 256, 256, 2)
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.05


def test_mean_zero_deviation_one_and_mostly_grey() -> None:
    field = noise_field(0, 0, 1024, 1024, 3)
    np.testing.assert_allclose(field.mean((1, 2)), 0, atol=0.05)
    np.testing.assert_allclose(field.std((1, 2)), 1, atol=0.03)
    # Shared part 1 and own part 1/2: correlation 1 / (1 + 1/4).
    assert np.corrcoef(field[0].ravel(), field[1].ravel())[0, 1] == pytest.approx(0.8, abs=0.03)


def test_the_band_holds_the_energy_evenly_in_all_directions() -> None:
    field = noise_field(0, 0, 1024, 1024, 3)[0]
    energy = np.abs(np.fft.fft2(field)) ** 2
    rows, columns = np.fft.fftfreq(1024)[:, None], np.fft.fftfreq(1024)[None]
    frequency = np.hypot(rows, columns)
    band = (frequency > 1 / 70) & (frequency < 1 / 5)
    assert energy[band].sum() / energy.sum() > 0.75
    # Within 6 degrees of an axis there is no more energy than elsewhere: no weave.
    axis = np.minimum(np.abs(rows), np.abs(columns)) < 0.1 * frequency
    assert energy[band & axis].mean() == pytest.approx(energy[band & ~axis].mean(), rel=0.15)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_another_seed_is_refused(seed: int) -> None:
    with pytest.raises(ValueError, match="seed is a whole number"):
        noise_field(0, 0, 8, 8, seed)


def test_an_empty_window_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one pixel"):
        noise_field(0, 0, 0, 8, 0)
