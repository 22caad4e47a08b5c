"""Feed-forward networks of one style, by architecture, and how their files are opened."""

from __future__ import annotations

from pathlib import Path

from nst_core.networks.fast_neural_style import FastNeuralStyle
from nst_core.networks.files import CheckpointError, load_weights, read_metadata
from nst_core.networks.johnson import JohnsonNetwork
from nst_core.networks.registry import NetworkError, Precision, network_file

#: The networks of one style by the architecture that a file names.
ARCHITECTURES: dict[str, type[JohnsonNetwork]] = {
    FastNeuralStyle.architecture: FastNeuralStyle,
    JohnsonNetwork.architecture: JohnsonNetwork,
}


def is_feed_forward(name_or_path: str | Path) -> bool:
    """Whether a network holds its one style. Raises `NetworkError` or `CheckpointError`."""
    return read_metadata(network_file(name_or_path))["architecture"] in ARCHITECTURES


def open_feed_forward(name_or_path: str | Path, precision: Precision = "fp32") -> JohnsonNetwork:
    """The network of a file, ready to use. Raises `NetworkError` or `CheckpointError`."""
    path = network_file(name_or_path)
    architecture = read_metadata(path)["architecture"]
    if architecture not in ARCHITECTURES:
        raise NetworkError(f"{path} is no network for one style, but {architecture!r}.")
    if precision != "fp32":
        raise NetworkError(f"A network of the kind {architecture!r} has no {precision}; use fp32.")
    network = ARCHITECTURES[architecture]()
    try:
        network.load_trained_state_dict(load_weights(path, architecture))
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise CheckpointError(f"{path} does not fit {architecture}: {reason}") from error
    return network.eval()
