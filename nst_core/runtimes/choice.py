"""Choice of the device and the runtime by name."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import torch

from nst_core.errors import NstError
from nst_core.networks.base import StyleNetwork
from nst_core.networks.johnson import JohnsonNetwork
from nst_core.runtimes.cuda import CudaFeedForward, CudaRuntime
from nst_core.runtimes.pytorch import TorchFeedForward, TorchRuntime
from nst_core.runtimes.runtime import MEMORY_MB, FeedForwardRuntime, Runtime

NAMES = ("auto", "torch", "openvino")
#: Number format of the convolutions of a render. fp16 is for CUDA, int8 for CPUs.
RenderPrecision = Literal["fp32", "fp16", "int8"]
#: Architectures whose results were compared between the runtimes. "auto" means OpenVINO only for these.
COMPARED_ARCHITECTURES = frozenset({"slim_adain", "full_adain", "johnson", "fast_neural_style"})


class RuntimeChoiceError(NstError):
    """A runtime or a device can't be used."""


def choose_device(device: str) -> str:
    """The device that "auto", "cpu", "cuda" or "cuda:N" means here. Raises `RuntimeChoiceError`."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        kind = torch.device(device).type
    except RuntimeError as error:
        raise RuntimeChoiceError(f"There is no device {device!r}; use auto, cpu or cuda.") from error
    if kind == "cuda" and not torch.cuda.is_available():
        raise RuntimeChoiceError("There is no CUDA device here; use --device auto or cpu.")
    return device


def choose_runtime(
    name: str,
    network: StyleNetwork,
    device: str = "auto",
    *,
    half: bool = False,
    memory_mb: int = MEMORY_MB,
    cache: Path | None = None,
    threads: int = 0,
) -> Runtime:
    """The runtime `name` for an arbitrary-style network.

    "auto" is PyTorch on CUDA; on a CPU it is OpenVINO, if installed and compared on the architecture,
    else PyTorch. `half` asks for half precision, which is for CUDA only, and `memory_mb` is the memory
    of the card that a pass may take. `cache` is a folder for compiled graphs, shared between processes.
    `threads` is the number of OpenVINO's threads (0: it is chosen); PyTorch has one number for the
    whole process. Raises `RuntimeChoiceError`.
    """
    device = choose_device(device)
    _check_half(half, device)
    if _resolved(name, network.architecture, device) == "torch":
        if device == "cpu":
            return TorchRuntime(network, device)
        return CudaRuntime(network, device, half=half, memory_mb=memory_mb)
    from nst_core.runtimes.openvino import OpenVinoRuntime

    return OpenVinoRuntime(network, cache=cache, threads=threads, memory_mb=memory_mb)


def choose_feed_forward_runtime(
    name: str,
    network: JohnsonNetwork,
    device: str = "auto",
    *,
    half: bool = False,
    memory_mb: int = MEMORY_MB,
    threads: int = 0,
) -> FeedForwardRuntime:
    """The runtime `name` for a network of one style, as `choose_runtime`."""
    device = choose_device(device)
    _check_half(half, device)
    if _resolved(name, network.architecture, device) == "torch":
        if device == "cpu":
            return TorchFeedForward(network, device)
        return CudaFeedForward(network, device, half=half, memory_mb=memory_mb)
    from nst_core.runtimes.openvino import OpenVinoFeedForward

    return OpenVinoFeedForward(network, threads=threads, memory_mb=memory_mb)


def _check_half(half: bool, device: str) -> None:
    if half and device == "cpu":
        raise RuntimeChoiceError(
            "fp16 is for CUDA devices; use fp32, or int8 where the network has it."
        )


def _resolved(name: str, architecture: str, device: str) -> str:
    """The runtime that `name` means here: "torch" or "openvino"."""
    if name not in NAMES:
        raise RuntimeChoiceError(f"There is no runtime {name!r}; there are {', '.join(NAMES)}.")
    installed = find_spec("openvino") is not None
    if name == "auto":
        compared = architecture in COMPARED_ARCHITECTURES
        return "openvino" if installed and compared and device == "cpu" else "torch"
    if name == "openvino" and not installed:
        raise RuntimeChoiceError("openvino is not installed: pip install openvino, or use torch.")
    if name == "openvino" and device != "cpu":
        raise RuntimeChoiceError(f"openvino runs on the CPU here, not on {device!r}; use torch.")
    return name
