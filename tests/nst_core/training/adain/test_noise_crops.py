"""Noise of trainings of networks of any style."""

from __future__ import annotations

import pytest
import torch

from nst_core.training.adain.noise_crops import NoiseCrops


def test_crops_depend_on_seed_step_and_place_alone() -> None:
    def batch(seed: int, step: int, count: int = 3) -> torch.Tensor:
        return NoiseCrops(32, (0.03, 0.03), seed=seed, device="cpu").batch(step, count)

    first = batch(0, 5)
    assert first.shape == (3, 3, 32, 32)
    assert torch.equal(first, batch(0, 5))
    assert not torch.equal(first, batch(0, 6))
    assert not torch.equal(first, batch(1, 5))
    assert not torch.equal(first[0], first[1])


def test_deviations_are_drawn_from_the_range() -> None:
    noise = NoiseCrops(128, (0.01, 0.05), seed=0, device="cpu").batch(0, 64)
    deviations = noise.std((1, 2, 3))
    assert 0.008 < deviations.min() < 0.02
    assert 0.04 < deviations.max() < 0.065
    assert noise.mean() == pytest.approx(0, abs=0.003)
