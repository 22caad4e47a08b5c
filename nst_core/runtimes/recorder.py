"""Recorders: how a device repeats work on tensors that stay at one place in memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor

Work = Callable[[], Sequence[Tensor]]

#: Runs before a recording: cuDNN chooses its kernels and allocates their workspaces in them.
_WARM_UP_RUNS = 2


class Recorder(ABC):
    """Records work on one device, and limits the memory that work takes there."""

    def record(self, work: Work) -> Work:
        """`capture` after some runs of `work`, for work that may be done any number of times."""
        for _ in range(_WARM_UP_RUNS):
            self.warm_up(work)
        return self.capture(work)

    @abstractmethod
    def warm_up(self, work: Work) -> Sequence[Tensor]:
        """Do `work` once, as it has to be done before it is captured."""

    @abstractmethod
    def capture(self, work: Work) -> Work:
        """A function that does `work` again on the same inputs; the next call reuses its outputs.

        The work itself is not done. Raises `RuntimeError` if the device can't record it.
        """

    @abstractmethod
    def forget(self) -> None:
        """Give back the memory of recordings that nothing refers to any more."""

    @abstractmethod
    def limited(self, extra_bytes: int) -> AbstractContextManager[None]:
        """A context in which the process may take `extra_bytes` more than it holds at its start."""


class DirectRecorder(Recorder):
    """Repeats work by doing it again: for a CPU, or to compare with recordings."""

    def record(self, work: Work) -> Work:
        """See `Recorder`. A CPU needs no runs before."""
        return self.capture(work)

    def warm_up(self, work: Work) -> Sequence[Tensor]:
        """See `Recorder`."""
        return work()

    def capture(self, work: Work) -> Work:
        """See `Recorder`."""
        return work

    def forget(self) -> None:
        """See `Recorder`."""

    def limited(self, extra_bytes: int) -> AbstractContextManager[None]:
        """See `Recorder`. The CPU's memory is limited by the sizes of pictures and tiles alone."""
        return nullcontext()


class CudaRecorder(Recorder):
    """Records CUDA graphs. All graphs of a recorder share one memory pool, so they run in turns.

    That is safe as long as the outputs of a graph are copied before another graph runs.
    """

    def __init__(self, device: str) -> None:
        self._device = torch.device(device)
        self._pool: object = None

    def warm_up(self, work: Work) -> Sequence[Tensor]:
        """See `Recorder`. On a stream of its own, as PyTorch wants it."""
        with torch.cuda.device(self._device):
            stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                outputs = work()
            torch.cuda.current_stream().wait_stream(stream)
        return outputs

    def capture(self, work: Work) -> Work:
        """See `Recorder`."""
        with torch.cuda.device(self._device):
            if self._pool is None:
                self._pool = torch.cuda.graph_pool_handle()
            graph = torch.cuda.CUDAGraph()
            # By thread, because other threads may use the card meanwhile.
            pool: Any = self._pool
            with torch.cuda.graph(graph, pool=pool, capture_error_mode="thread_local"):
                outputs = work()

        def replay() -> Sequence[Tensor]:
            graph.replay()
            return outputs

        return replay

    def forget(self) -> None:
        """See `Recorder`."""
        self._pool = None
        torch.cuda.empty_cache()

    @contextmanager
    def limited(self, extra_bytes: int) -> Iterator[None]:
        """See `Recorder`. Beyond the limit PyTorch raises `torch.OutOfMemoryError`."""
        # By index, since setting a fraction takes no device without one.
        index = self._device.index
        device = torch.cuda.current_device() if index is None else index
        total = torch.cuda.get_device_properties(device).total_memory
        before = torch.cuda.get_per_process_memory_fraction(device)
        allowed = torch.cuda.memory_allocated(device) + extra_bytes
        torch.cuda.set_per_process_memory_fraction(min(before, allowed / total), device)
        try:
            yield
        finally:
            torch.cuda.set_per_process_memory_fraction(before, device)


def recorder_for(device: str) -> Recorder:
    """A recorder for a device."""
    return CudaRecorder(device) if torch.device(device).type == "cuda" else DirectRecorder()
