from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch

from nst_core.images.picture import to_tensor
from nst_core.stylize.composition import (
    FADE,
    CompositionError,
    Layer,
    compose,
    compose_floats,
    output_share,
)
from params.painting import Color, PaintSettings

PLAIN = PaintSettings()


def window(height: int, width: int, seed: int = 0) -> tuple[np.ndarray, torch.Tensor, np.ndarray]:
    """A source, an output that leaves the range in places, and a soft mask."""
    random = np.random.default_rng(seed)
    source = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
    output = torch.from_numpy(random.uniform(-0.3, 1.3, (1, 3, height, width)).astype(np.float32))
    return source, output, random.integers(0, 256, (height, width), dtype=np.uint8)


@pytest.mark.parametrize("share", [0.2, FADE, 1.0])
@pytest.mark.parametrize("color", get_args(Color))
def test_a_window_is_the_same_alone_as_in_the_whole(color: Color, share: float) -> None:
    source, output, mask = window(300, 40)
    layers = [
        Layer(output, share),
        Layer(None, 0.0, mask),
        Layer(output.flip(1), 1.0, mask.T.reshape(mask.shape)),
    ]
    whole = compose(source, layers, PaintSettings(color=color))
    rows, columns = slice(97, 211), slice(5, 31)
    cut = [
        Layer(
            None if layer.output is None else layer.output[:, :, rows, columns],
            layer.share,
            None if layer.mask is None else layer.mask[rows, columns],
        )
        for layer in layers
    ]
    np.testing.assert_array_equal(
        compose(source[rows, columns], cut, PaintSettings(color=color)), whole[rows, columns]
    )


def test_outputs_are_clamped_before_they_become_bytes() -> None:
    source = np.full((2, 2, 3), 128, np.uint8)
    output = torch.tensor([-4.0, 1.5, 0.5, 300.0]).view(1, 1, 2, 2).expand(1, 3, 2, 2)
    result = compose(source, [Layer(output, 1.0)], PLAIN)
    np.testing.assert_array_equal(result[..., 0], [[0, 255], [128, 255]])


def test_masks_are_shares_and_their_ends_are_exact() -> None:
    source, output, _ = window(3, 40)
    mask = np.repeat(np.array([[0], [128], [255]], np.uint8), 40, axis=1)
    painted = compose(source, [Layer(output, 1.0)], PLAIN)
    result = compose(source, [Layer(output, 1.0), Layer(None, 0.0, mask)], PLAIN)
    np.testing.assert_array_equal(result[0], painted[0])
    np.testing.assert_array_equal(result[2], source[2])
    middle = (source[1].astype(float) * 128 + painted[1].astype(float) * 127) / 255
    assert np.abs(result[1] - middle).max() <= 1


def test_the_outputs_share_rises_from_nothing_to_all() -> None:
    shares = [output_share(alpha) for alpha in np.linspace(0, 1, 101)]
    assert (shares[0], shares[-1]) == (0, 1)
    steps = np.diff(shares)
    assert steps.min() > 0
    assert steps.max() < 0.03
    source, output, _ = window(8, 8)
    full = compose(source, [Layer(output, 1.0)], PLAIN).astype(float)
    share = output_share(FADE)
    half = compose(source, [Layer(output, share)], PLAIN).astype(float)
    np.testing.assert_allclose(half, full * share + source * (1 - share), atol=1)


def test_values_that_are_no_numbers_are_told() -> None:
    source, output, _ = window(4, 4)
    output[0, 1, 2, 3] = float("nan")
    with pytest.raises(CompositionError, match="no numbers"):
        compose(source, [Layer(output, 1.0)], PLAIN)


@pytest.mark.parametrize("color", get_args(Color))
def test_floats_are_the_pixels_before_they_are_rounded(color: Color) -> None:
    source, output, mask = window(300, 40)
    layers = [Layer(output, 0.7), Layer(None, 0.0, mask)]
    floats = compose_floats(source, layers, PaintSettings(color=color))
    assert floats.dtype == np.float32
    np.testing.assert_array_equal(
        (floats + 0.5).astype(np.uint8), compose(source, layers, PaintSettings(color=color))
    )
    assert np.abs(floats - np.round(floats)).max() > 0.4
    exact = compose_floats(source, [Layer(to_tensor(source), 1.0)], PLAIN)
    np.testing.assert_array_equal(exact, source.astype(np.float32))


def test_saturation_scales_the_distance_from_grey() -> None:
    source, output, _ = window(20, 24)
    output = 0.5 + 0.25 * (output - 0.5)  # colours that can be doubled without leaving the range
    plain = compose(source, [Layer(output, 1.0)], PLAIN).astype(float)
    grey = compose(source, [Layer(output, 1.0)], PaintSettings(saturation=0)).astype(float)
    strong = compose(source, [Layer(output, 1.0)], PaintSettings(saturation=2)).astype(float)
    assert np.ptp(grey, axis=2).max() <= 1
    luma = plain @ np.array([0.299, 0.587, 0.114])
    assert np.abs(grey[..., 0] - luma).max() <= 1.5
    inside = ((strong > 1) & (strong < 254)).all(2)
    doubled = luma[..., None] + 2 * (plain - luma[..., None])
    assert inside.sum() > 50
    assert np.abs(strong - doubled)[inside].max() <= 3


def test_saturation_leaves_strength_0_alone() -> None:
    source, output, mask = window(20, 24)
    layers = [Layer(output, 1.0), Layer(None, 0.0, np.full_like(mask, 255))]
    np.testing.assert_array_equal(compose(source, layers, PaintSettings(saturation=0)), source)
