"""State of a tuning: the network with its trainable decoder, the optimiser and the step."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from nst_core.networks.registry import open_network
from nst_core.networks.slim import SlimAdaIN
from nst_core.training.adam import TrainingAdam
from nst_core.training.errors import TrainingError

if TYPE_CHECKING:
    from params.training import TuneTrainConfig

#: Parts that stay as they are: the statistics of contents and styles, and tiles, depend on the encoder.
ENCODER = ("stem", "down_quarter", "encode_quarter", "down_eighth", "encode_eighth")
#: Share of the steps at the end over which the learning rate falls to zero.
_DECAY = 0.5


class TuneState:
    """Network, optimiser and step. Raises `TrainingError` for a network that can't be tuned.

    `recorded` says that `update_weights` is part of a recorded step.
    """

    def __init__(self, config: TuneTrainConfig, device: str, *, recorded: bool = False) -> None:
        network = open_network(config.network)
        if not isinstance(network, SlimAdaIN):
            raise TrainingError(f"Only slim networks can be tuned; {config.network} is another kind.")
        self.config = config
        self.device = device
        self.step = 0
        self.network: SlimAdaIN = network.to(device).train()
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(not name.startswith(ENCODER))
        tuned = [parameter for parameter in network.parameters() if parameter.requires_grad]
        self.optimizer = TrainingAdam(
            tuned, config.lr, betas=(0.9, 0.99), device=device, recorded=recorded
        )
        #: Factor on the learning rate, lowered when the losses were no numbers.
        self.rate = 1.0

    def begin_step(self) -> None:
        """Set the learning rate of the next step."""
        config = self.config
        warm = min(1.0, (self.step + 1) / config.lr_warmup)
        left = min(1.0, (config.max_steps - self.step) / (_DECAY * config.max_steps))
        self.optimizer.set_rate(config.lr * self.rate * warm * left)

    def update_weights(self, total: Tensor) -> None:
        """Change the weights by the gradients of the loss `total`."""
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()

    def saved(self) -> dict[str, Any]:
        """Everything to continue from, copied."""
        return copy.deepcopy(
            {
                "step": self.step,
                "network": self.network.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "rate": self.rate,
            }
        )

    def restore(self, state: dict[str, Any]) -> None:
        """Set everything to `state`, from `saved`."""
        self.step = int(state["step"])
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
        self.rate = float(state["rate"])
