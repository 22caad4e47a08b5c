"""Which devices multiply bfloat16."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from nst_core.losses.bfloat16 import has_bfloat16


@pytest.mark.skipif(platform.machine() != "x86_64", reason="x86 only")
def test_bfloat16_is_for_cuda_and_for_cpus_that_multiply_it() -> None:
    flags = Path("/proc/cpuinfo").read_text().split("flags", 1)[1].split("\n", 1)[0].split()
    assert has_bfloat16("cpu") == bool({"avx512_bf16", "amx_bf16"} & set(flags))
    assert has_bfloat16("cuda")
    assert not has_bfloat16("mps")
