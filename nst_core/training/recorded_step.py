"""A training step that a CUDA device repeats as one recording.

A step at small batches is mostly the time in which Python and PyTorch launch a thousand kernels.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from nst_core.runtimes.recorder import CudaRecorder, Recorder, Work

log = logging.getLogger(__name__)

#: Steps that run launch by launch before one is recorded: cuDNN chooses its kernels in them, and the
#: optimiser makes its state.
PLAIN_STEPS = 3


class RecordedStep:
    """Calls `step`, and replays a recording of it after `PLAIN_STEPS` calls. Each call is one step.

    `step` takes tensors, does the forward pass, the backward pass and the optimiser's step, and returns
    tensors without gradients. Python runs in it only until it is recorded. So what changes from step
    to step must be an input or a tensor that is filled in place, and no value may be read back from the
    device. Without a `recorder` every call is plain. A step that can't be recorded stays plain, with a
    warning.
    """

    def __init__(
        self, step: Callable[..., Sequence[Tensor]], device: str, recorder: Recorder | None
    ) -> None:
        self._step = step
        self._device = device
        self._recorder = recorder
        self._places: list[Tensor] = []
        self._work: Work | None = None
        self._plain_left = PLAIN_STEPS

    @property
    def is_recorded(self) -> bool:
        """Whether the next call is a replay."""
        return self._work is not None

    def __call__(self, *inputs: Tensor) -> Sequence[Tensor]:
        """One step; `inputs` keep their shapes and may be on any device.

        The results are valid until the next call.
        """
        if self._recorder is None:
            return self._step(*inputs)
        self._place(inputs)
        if self._work is None and self._plain_left == 0:
            self._work = self._recorded(self._recorder)
        if self._work is not None:
            return self._work()
        self._plain_left = max(0, self._plain_left - 1)
        return self._recorder.warm_up(self._plain) if self._recorder else self._plain()

    def forget(self) -> None:
        """Drop the recording. Needed when tensors that the step changes were replaced."""
        self._work = None
        self._plain_left = PLAIN_STEPS
        if self._recorder is not None:
            self._recorder.forget()

    def _plain(self) -> Sequence[Tensor]:
        return self._step(*self._places)

    def _place(self, inputs: Sequence[Tensor]) -> None:
        """Copy the inputs to their fixed places on the device."""
        if not self._places:
            self._places = [torch.empty_like(value, device=self._device) for value in inputs]
        for place, value in zip(self._places, inputs, strict=True):
            place.copy_(value, non_blocking=True)

    def _recorded(self, recorder: Recorder) -> Work | None:
        try:
            return recorder.capture(self._plain)
        except RuntimeError as error:  # missing memory is one too
            log.warning("The steps of the training run without a CUDA graph: %s", error)
        self._recorder = None
        return None


def step_recorder(device: str) -> Recorder | None:
    """The recorder for the steps of a training on `device`; None on a CPU, where it gains nothing."""
    return CudaRecorder(device) if torch.device(device).type == "cuda" else None
