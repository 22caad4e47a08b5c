from __future__ import annotations

import pytest
import torch

from nst_core.losses.losses import (
    gram_distance,
    gram_matrix,
    instance_normalized,
    moment_distance,
    moments,
    out_of_range,
    structure_distance,
    total_variation,
)
from nst_core.networks.adain import channel_statistics


def test_gradient_of_moments_is_right() -> None:
    features = torch.randn(2, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: moments({"a": x})["a"], (features,))
    for mine, theirs in zip(moments({"a": features})["a"], channel_statistics(features), strict=True):
        torch.testing.assert_close(mine, theirs)


def test_structure_ignores_colour_and_sees_shape() -> None:
    features = torch.randn(1, 6, 16, 16)
    target = instance_normalized(features)
    recoloured = features * 3 - torch.arange(6.0).view(1, 6, 1, 1)
    assert structure_distance(recoloured, target) < 1e-5
    assert 1.5 < structure_distance(torch.randn(1, 6, 16, 16), target) < 2.5


def test_moment_distance_is_relative_to_the_target() -> None:
    one = moments({"a": torch.randn(1, 4, 8, 8), "b": torch.randn(1, 2, 8, 8)})
    zero = {name: (mean * 0, deviation * 0) for name, (mean, deviation) in one.items()}
    assert moment_distance(one, one) == 0
    torch.testing.assert_close(moment_distance(zero, one), torch.ones(1))


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_gradient_of_gram_matrix_is_right(memory_format: torch.memory_format) -> None:
    features = torch.randn(2, 3, 4, 5, dtype=torch.float64).contiguous(memory_format=memory_format)
    features.requires_grad_()
    assert torch.autograd.gradcheck(gram_matrix, (features,))
    gram_matrix(features).sum().backward()
    assert features.grad is not None
    assert features.grad.is_contiguous(memory_format=memory_format)


def test_gram_matrix_by_hand() -> None:
    features = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])
    torch.testing.assert_close(gram_matrix(features)[0], torch.tensor([[5.0, 11.0], [11.0, 25.0]]) / 4)
    gram = {"a": gram_matrix(torch.randn(2, 3, 4, 4))}
    torch.testing.assert_close(gram_distance({"a": gram["a"] * 3}, gram), torch.full((2,), 4.0))


def test_total_variation_and_range() -> None:
    ramp = torch.arange(4.0).view(1, 1, 1, 4).expand(1, 3, 4, 4)
    assert total_variation(ramp) == 1
    assert total_variation(ramp * 0 + 5) == 0
    assert out_of_range(torch.tensor([0.0, 0.5, 1.0])) == 0
    assert out_of_range(torch.tensor([-0.5, 0.5, 1.5])) > 0
