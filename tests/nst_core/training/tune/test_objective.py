"""The losses of a tuning in half precision, as on CUDA and on CPUs with bfloat16."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest
import torch

from nst_core.training.tune.objective import TuneObjective, has_bfloat16


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


@pytest.mark.skipif(platform.machine() != "x86_64", reason="x86 only")
def test_bfloat16_is_for_cuda_and_for_cpus_that_multiply_it() -> None:
    flags = Path("/proc/cpuinfo").read_text().split("flags", 1)[1].split("\n", 1)[0].split()
    assert has_bfloat16("cpu") == bool({"avx512_bf16", "amx_bf16"} & set(flags))
    assert has_bfloat16("cuda")
    assert not has_bfloat16("mps")
