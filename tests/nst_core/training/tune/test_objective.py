"""The losses of a tuning in half precision, as on CUDA."""

from __future__ import annotations

import torch

from nst_core.training.tune.objective import TuneObjective


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
