"""The losses of a tuning: crops that count as one picture, and half precision."""

from __future__ import annotations

import pytest
import torch

from nst_core.losses.losses import gram_matrix, moments
from nst_core.training.tune.objective import TuneObjective, as_one_picture


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_crops_as_one_picture_have_the_statistics_of_the_picture(
    memory_format: torch.memory_format,
) -> None:
    picture = torch.rand(1, 5, 12, 4)
    crops = torch.cat(picture.split(4, dim=2)).contiguous(memory_format=memory_format)
    one = as_one_picture(crops)
    torch.testing.assert_close(one, picture)
    torch.testing.assert_close(gram_matrix(one), gram_matrix(picture))
    for mine, whole in zip(moments({"x": one})["x"], moments({"x": picture})["x"], strict=True):
        torch.testing.assert_close(mine, whole)


def test_parts_of_a_style_need_not_look_alike() -> None:
    """The two halves of a style, one dark and one bright, are together nearer to it than each alone."""
    torch.manual_seed(0)
    dark, bright = 0.3 * torch.rand(1, 3, 48, 48), 0.5 + 0.5 * torch.rand(1, 3, 48, 48)
    objective = TuneObjective(torch.cat([dark, bright], 3), 1.0, "cpu", half=False)
    pair = torch.cat([dark, bright])
    together = objective(pair, objective.structure(pair))
    assert float(together.content) == pytest.approx(0, abs=1e-6)
    for alone in (dark, bright):
        losses = objective(alone, objective.structure(alone))
        assert together.gram < 0.8 * losses.gram
        assert together.style < 0.8 * losses.style


def test_half_precision_gives_the_losses_and_gradients_of_single() -> None:
    style, content, start = torch.rand(3, 2, 3, 32, 32)
    totals, gradients = [], []
    for half in (False, True):
        objective = TuneObjective(style[:1], 4.0, "cpu", half=half)
        output = start.clone().requires_grad_()
        losses = objective(output, objective.structure(content))
        (gradient,) = torch.autograd.grad(losses.total, output)
        assert losses.total.dtype == gradient.dtype == torch.float32
        totals.append(torch.stack([losses.content, losses.style, losses.gram]))
        gradients.append(gradient.flatten())
    torch.testing.assert_close(totals[1], totals[0], rtol=0.05, atol=0.01)
    assert torch.cosine_similarity(*gradients, dim=0) > 0.98
