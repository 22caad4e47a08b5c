"""Networks that hold one style in their weights: a picture in, a picture out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from torch import Tensor

from nst_core.networks.fast_neural_style import FastNeuralStyle
from nst_core.networks.files import CheckpointError, load_weights, read_metadata
from nst_core.networks.johnson import JohnsonNetwork
from nst_core.networks.registry import NetworkError, Precision, network_file


class FeedForward(Protocol):
    """RGB in [0, 1], (B, 3, H, W) with sides that `stride` divides → the same."""

    architecture: str
    stride: int
    minimum_side: int

    def __call__(self, x: Tensor) -> Tensor:
        """The picture in the network's style."""
        ...

    def load_trained_state_dict(self, weights: Mapping[str, Tensor]) -> None:
        """Take the weights of a file. Raises `RuntimeError` if they do not fit."""
        ...


#: By the architecture that a file names. A new kind of network for one style is added here.
ARCHITECTURES: dict[str, type[JohnsonNetwork]] = {
    FastNeuralStyle.architecture: FastNeuralStyle,
    JohnsonNetwork.architecture: JohnsonNetwork,
}


def is_feed_forward(name_or_path: str | Path) -> bool:
    """Whether a network holds its one style itself. Raises `NetworkError` or `CheckpointError`."""
    return read_metadata(network_file(name_or_path))["architecture"] in ARCHITECTURES


def open_feed_forward(name_or_path: str | Path, precision: Precision = "fp32") -> FeedForward:
    """The network of a file, ready to use. Raises `NetworkError` or `CheckpointError`."""
    path = network_file(name_or_path)
    architecture = read_metadata(path)["architecture"]
    if architecture not in ARCHITECTURES:
        raise NetworkError(f"{path} is no network for one style, but {architecture!r}.")
    if precision != "fp32":
        raise NetworkError(f"A network of the kind {architecture!r} has no {precision}; use fp32.")
    network: FeedForward = ARCHITECTURES[architecture]().eval()  # type: ignore[assignment]
    weights = load_weights(path, architecture)
    try:
        network.load_trained_state_dict(weights)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise CheckpointError(f"{path} does not fit {architecture}: {reason}") from error
    return network
