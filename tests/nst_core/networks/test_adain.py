from __future__ import annotations

import torch

from nst_core.networks.adain import adaptive_instance_normalization, channel_statistics


def test_output_has_exactly_the_target_statistics() -> None:
    features = torch.randn(2, 5, 17, 13, dtype=torch.float64) * 3 + 1
    target = torch.randn(2, 5, 8, 9, dtype=torch.float64) * 0.5 - 2
    mine = [part[:, :, None, None] for part in channel_statistics(features)]
    theirs = [part[:, :, None, None] for part in channel_statistics(target)]
    mean, deviation = channel_statistics(adaptive_instance_normalization(features, *mine, *theirs))
    torch.testing.assert_close(mean[:, :, None, None], theirs[0], atol=1e-9, rtol=1e-9)
    torch.testing.assert_close(deviation[:, :, None, None], theirs[1], atol=5e-5, rtol=1e-5)


def test_own_statistics_change_nothing() -> None:
    features = torch.randn(1, 4, 6, 6, dtype=torch.float64)
    mine = [part[:, :, None, None] for part in channel_statistics(features)]
    torch.testing.assert_close(adaptive_instance_normalization(features, *mine, *mine), features)


def test_deviation_is_the_populations_and_finite_on_flat_channels() -> None:
    features = torch.tensor([1.0, 3.0]).view(1, 1, 1, 2).requires_grad_()
    _, deviation = channel_statistics(features)
    assert abs(float(deviation.detach()) - 1) < 1e-4
    flat = torch.full((1, 2, 4, 4), 0.3, requires_grad=True)
    sum(part.sum() for part in channel_statistics(flat)).backward()
    assert flat.grad is not None
    assert flat.grad.isfinite().all()
