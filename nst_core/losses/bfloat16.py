"""Whether a device multiplies bfloat16 faster than single precision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch


def has_bfloat16(device_type: str) -> bool:
    """Whether features of a loss network are computed faster in bfloat16 on "cpu", "cuda" or "mps".

    Graphics cards multiply it, and x86 CPUs with AVX512-BF16 or AMX. Others emulate it, which is
    slower. Before `torch.cpu.get_capabilities` (PyTorch 2.13) a CPU can't be asked.
    """
    if device_type != "cpu":
        return device_type == "cuda"
    ask: Callable[[], Mapping[str, Any]] = getattr(torch.cpu, "get_capabilities", dict)
    found = ask()
    return any(found.get(name, False) for name in ("avx512_bf16", "amx_bf16"))
