"""Adam whose step can be part of a recording: what changes between steps is a tensor on the device."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

#: Settings of a parameter group that belong to the machine, so that they are not restored.
_OF_THE_MACHINE = ("lr", "capturable", "fused", "foreach")


class TrainingAdam(torch.optim.Adam):
    """`torch.optim.Adam` for the parameters of a training on `device`.

    With `recorded` the learning rate is a tensor, which a recorded step reads anew each time. Saved
    states are the same with and without, so that a checkpoint moves between machines.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float,
        *,
        device: str,
        recorded: bool,
        betas: tuple[float, float] = (0.9, 0.999),
    ) -> None:
        cuda = torch.device(device).type == "cuda"
        super().__init__(
            parameters,
            lr=torch.tensor(lr, device=device) if recorded else lr,
            betas=betas,
            fused=cuda or recorded,
            capturable=cuda and recorded,
        )

    def set_rate(self, lr: float) -> None:
        """Set the learning rate of the next steps."""
        for group in self.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(lr)
            else:
                group["lr"] = lr

    def state_dict(self) -> dict[str, Any]:
        """The state, with the learning rate as a number."""
        state = super().state_dict()
        groups = [{**group, "lr": float(group["lr"])} for group in state["param_groups"]]
        return {**state, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take a state, but keep what belongs to this machine. A recording of a step is then void."""
        groups = [
            {**saved, **{name: own[name] for name in _OF_THE_MACHINE}}
            for saved, own in zip(state_dict["param_groups"], self.param_groups, strict=True)
        ]
        super().load_state_dict({**state_dict, "param_groups": groups})
