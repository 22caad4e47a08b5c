"""State of a training of one style: weights, optimiser and random generators, to save and restore."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from nst_core.networks.files import CheckpointError, load_weights
from nst_core.networks.johnson import JohnsonNetwork
from nst_core.training.adam import TrainingAdam
from nst_core.training.averaging import WeightAverage

if TYPE_CHECKING:
    from params.training import JohnsonTrainConfig

#: Bundled base network for warm starts.
BASE = Path(__file__).parents[2] / "weights" / "johnson_base.safetensors"


def initial_network(config: JohnsonTrainConfig) -> JohnsonNetwork:
    """Initial network: the weights of the warm start, or random weights from the seed.

    Raises `CheckpointError` if the network to start from can't be read.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network = JohnsonNetwork()
    network.gradient_checkpointing = config.gradient_checkpointing
    if config.warm_start is not False:
        path = BASE if config.warm_start is True else Path(config.warm_start)
        if not path.is_file():
            raise CheckpointError(f"There is no network {path} to start from.")
        network.load_state_dict(load_weights(path, JohnsonNetwork.architecture))
    return network


class TrainingState:
    """Network, averaged weights (EMA), optimiser, gradient scaler, step and weights of the losses.

    `recorded` says that `update_weights` is part of a recorded step. The scaler of fp16 decides in
    Python whether to step, so there is no recording with it.
    """

    def __init__(
        self,
        config: JohnsonTrainConfig,
        network: JohnsonNetwork,
        device: str,
        *,
        recorded: bool = False,
    ) -> None:
        self.config = config
        self.device = device
        self.step = 0
        self.network = network.to(device).train()
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = WeightAverage(self.network, config.average)
        self.amp_dtype = _amp_dtype(config.use_amp, device)
        self.recorded = recorded and self.amp_dtype != torch.float16
        self.optimizer = TrainingAdam(
            self.network.parameters(), config.lr, device=device, recorded=self.recorded
        )
        self.scaler = torch.amp.GradScaler(device_type(device), enabled=self.amp_dtype == torch.float16)
        #: Factor on the configured learning rate, lowered by `Recovery`.
        self.rate = 1.0
        self.style_weight = config.style_weight or 0.0

    def optimizer_step(self, total: Tensor) -> None:
        """Do one optimiser step on the loss `total`."""
        self.begin_step()
        self.update_weights(total)
        self.end_step()

    def begin_step(self) -> None:
        """Set the learning rate of the next step."""
        config = self.config
        warm = min(1.0, (self.step + 1) / max(1, config.lr_warmup))
        self.optimizer.set_rate(config.lr * self.rate * warm)

    def update_weights(self, total: Tensor) -> None:
        """Change the weights by the gradients of the loss `total`."""
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(total).backward()  # type: ignore[no-untyped-call]
        self.scaler.unscale_(self.optimizer)
        nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()

    def end_step(self) -> None:
        """Count the step, and add its weights to the average."""
        self.step += 1
        self.average.update(self.network, self.step)

    def result(self) -> JohnsonNetwork:
        """A copy with the averaged weights, in evaluation mode, on the same device."""
        network = JohnsonNetwork().to(self.device)
        network.load_state_dict(self.average.state_dict())
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return network.eval()

    def saved(self) -> dict[str, Any]:
        """Everything to continue from, random generators included; shares memory with the weights."""
        return {
            "step": self.step,
            "network": self.network.state_dict(),
            "averaged": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "rate": self.rate,
            "style_weight": self.style_weight,
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state_all() if device_type(self.device) == "cuda" else [],
        }

    def snapshot(self) -> dict[str, Any]:
        """Deep copy of `saved`, which later steps do not change."""
        return copy.deepcopy(self.saved())

    def restore(self, state: dict[str, Any]) -> None:
        """Set everything to `state`, from `saved` or `snapshot`."""
        self.step = int(state["step"])
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["averaged"])
        # `load_state_dict` keeps references to tensors, so the optimiser gets its own copies.
        self.optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
        self.scaler.load_state_dict(state["scaler"])
        self.rate = float(state["rate"])
        self.style_weight = float(state["style_weight"])
        torch.set_rng_state(state["random"].cpu())
        if state["random_cuda"] and len(state["random_cuda"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all([value.cpu() for value in state["random_cuda"]])


def device_type(name: str) -> str:
    """Type of a device: "cpu" or "cuda"."""
    return torch.device(name).type


def _amp_dtype(use_amp: bool, device: str) -> torch.dtype | None:
    if not use_amp:
        return None
    if device_type(device) == "cuda" and not torch.cuda.is_bf16_supported():
        return torch.float16
    return torch.bfloat16


@contextmanager
def cudnn_benchmark(wanted: bool) -> Iterator[None]:
    """Let cuDNN benchmark its kernels, which pays since shapes never change during a training.

    For half precision only: in single precision it has chosen kernels that need tens of gigabytes.
    """
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = wanted or before
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before
