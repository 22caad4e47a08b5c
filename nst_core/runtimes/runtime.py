"""Runtimes: what executes a network. PyTorch is the reference; the others are quicker on CPUs."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from nst_core.errors import NstError
from nst_core.networks.base import StyleNetwork

NAMES = ("auto", "torch", "openvino", "onnxruntime")
#: Those whose results were compared between the runtimes.
COMPARED_ARCHITECTURES = frozenset({"slim_adain", "full_adain"})


class RuntimeChoiceError(NstError):
    """A runtime or a device can't be used."""


class Runtime(Protocol):
    """Executes one network. Images are (B, 3, H, W) in [0, 1], sides as the network wants them.

    Tensors come in and go out on the CPU. `render` is the whole job in one graph; `statistics` and
    `render_tile` are its halves, for an image too large to be held whole: the statistics of all of it
    are put together first, and each tile is rendered with them. `weight` (B, 1, H / stride, W / stride)
    says which places count for the statistics; all of them if None.
    """

    name: str
    device: str

    def statistics(self, image: Tensor, weight: Tensor | None = None) -> Tensor:
        """The statistics (B, S) of images."""
        ...

    def render(
        self, image: Tensor, style: Tensor, alpha: Tensor, weight: Tensor | None = None
    ) -> Tensor:
        """Images whose statistics are moved the share `alpha` (B, 1) towards `style`; not clamped."""
        ...

    def render_tile(self, image: Tensor, content: Tensor, target: Tensor) -> Tensor:
        """Parts of images whose statistics are `content`, given the statistics `target`."""
        ...


class TorchRuntime:
    """PyTorch in channels-last order, on "cpu" or "cuda"."""

    name = "torch"

    def __init__(self, network: StyleNetwork, device: str = "cpu") -> None:
        self.device = device
        self._network = network.eval().to(device)
        self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.inference_mode()
    def statistics(self, image: Tensor, weight: Tensor | None = None) -> Tensor:
        """See `Runtime`."""
        return self._network.statistics(self._network.encode(self._in(image)), self._put(weight)).cpu()

    @torch.inference_mode()
    def render(
        self, image: Tensor, style: Tensor, alpha: Tensor, weight: Tensor | None = None
    ) -> Tensor:
        """See `Runtime`."""
        features = self._network.encode(self._in(image))
        content = self._network.statistics(features, self._put(weight))
        target = torch.lerp(content, style.to(self.device), alpha.to(self.device))
        return self._network.decode(features, content, target).cpu()

    @torch.inference_mode()
    def render_tile(self, image: Tensor, content: Tensor, target: Tensor) -> Tensor:
        """See `Runtime`."""
        features = self._network.encode(self._in(image))
        return self._network.decode(features, content.to(self.device), target.to(self.device)).cpu()

    def _in(self, image: Tensor) -> Tensor:
        return image.to(device=self.device, memory_format=torch.channels_last)

    def _put(self, weight: Tensor | None) -> Tensor | None:
        return None if weight is None else weight.to(self.device)


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
    name: str, network: StyleNetwork, device: str = "auto", *, cache: Path | None = None
) -> Runtime:
    """The runtime `name` for `network`.

    "auto" is PyTorch where the device is CUDA, else OpenVINO where it is installed and was compared on
    this architecture, else PyTorch. `cache` is a folder where compiled graphs are kept between
    processes. Raises `RuntimeChoiceError`.
    """
    device = choose_device(device)
    if name not in NAMES:
        raise RuntimeChoiceError(f"There is no runtime {name!r}; there are {', '.join(NAMES)}.")
    if name == "auto":
        compared = network.architecture in COMPARED_ARCHITECTURES
        quick = find_spec("openvino") is not None and compared and device == "cpu"
        name = "openvino" if quick else "torch"
    if name == "torch":
        return TorchRuntime(network, device)
    if find_spec(name) is None:
        raise RuntimeChoiceError(f"{name} is not installed: pip install {name}, or use torch.")
    if device != "cpu":
        raise RuntimeChoiceError(f"{name} runs on the CPU here, not on {device!r}; use torch.")
    if name == "openvino":
        from nst_core.runtimes.openvino import OpenVinoRuntime

        return OpenVinoRuntime(network, cache=cache)
    from nst_core.runtimes.onnx import OnnxRuntime

    return OnnxRuntime(network, cache=cache)
