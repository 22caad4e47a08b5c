"""Times and memory of work on a device."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import torch


def is_cuda(device: str) -> bool:
    """Whether a device is a CUDA device."""
    return torch.device(device).type == "cuda"


def wait_for(device: str) -> None:
    """Wait until the device has done all its work."""
    if is_cuda(device):
        torch.cuda.synchronize(device)


def milliseconds(work: Callable[[], object], device: str, rounds: int) -> float:
    """The median time of `work` over `rounds`, after three calls that are not counted."""
    for _ in range(3 if rounds > 1 else 1):
        work()
    times = []
    for _ in range(rounds):
        wait_for(device)
        started = time.perf_counter()
        work()
        wait_for(device)
        times.append(time.perf_counter() - started)
    return round(1_000 * median(times), 3)


def peak_megabytes(work: Callable[[], object], device: str) -> float | None:
    """The most memory of the card that `work` held, with what was held before; None on a CPU."""
    if not is_cuda(device):
        return None
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    work()
    wait_for(device)
    return round(torch.cuda.max_memory_allocated(device) / 1e6, 1)
