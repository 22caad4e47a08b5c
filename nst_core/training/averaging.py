"""Exponential moving average (EMA) of the weights of a network during its training."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


class WeightAverage:
    """EMA of parameters and buffers, by `torch.optim.swa_utils.AveragedModel`.

    The decay grows with the number of updates, up to `decay`: after n updates it is n ÷ (n + 10), so
    that the first weights are soon forgotten.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._decay = decay
        self._step = 0
        self._model = AveragedModel(network, multi_avg_fn=self._lerp, use_buffers=True)
        # The first update of an `AveragedModel` copies the weights.
        self._model.update_parameters(network)

    def update(self, network: nn.Module, step: int) -> None:
        """Include the weights after step number `step`, counted from 1."""
        self._step = step
        self._model.update_parameters(network)

    def _lerp(self, averaged: Any, current: Any, _: Any) -> None:
        if averaged[0].is_floating_point():
            decay = min(self._decay, self._step / (self._step + 10))
            get_ema_multi_avg_fn(decay)(averaged, current, _)  # type: ignore[no-untyped-call]
        else:
            for mean, value in zip(averaged, current, strict=True):
                mean.copy_(value)

    def state_dict(self) -> dict[str, Tensor]:
        """The averaged weights, under the names of the network; shares memory with them."""
        weights: dict[str, Tensor] = self._model.module.state_dict()
        return weights

    def load_state_dict(self, weights: dict[str, Tensor]) -> None:
        """Copy averaged weights from `state_dict`."""
        self._model.module.load_state_dict(weights)
