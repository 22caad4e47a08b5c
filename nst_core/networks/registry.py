"""Registry of arbitrary-style networks: architectures, bundled weights, and how to open them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import torch

from nst_core.errors import NstError
from nst_core.networks.adain_vgg19 import AdaINVgg19
from nst_core.networks.base import StyleNetwork as StyleNetwork
from nst_core.networks.files import CheckpointError, load_weights, read_metadata
from nst_core.networks.full import FullAdaIN
from nst_core.networks.slim import SlimAdaIN
from params.tuned_networks import tuned_networks

WEIGHTS = Path(__file__).parents[1] / "weights"
#: Name of a bundled network → its architecture.
NAMES: dict[str, str] = {"slim": SlimAdaIN.architecture, "full": FullAdaIN.architecture}


#: The arbitrary-style networks by the architecture that a file names.
ARCHITECTURES: dict[str, type[StyleNetwork]] = {
    kind.architecture: kind for kind in (SlimAdaIN, FullAdaIN, AdaINVgg19)
}
#: Precision of the convolutions.
Precision = Literal["fp32", "int8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


class NetworkError(NstError):
    """There is no network of a given name or in a given file."""


def check_precision(name: str) -> Precision:
    """`name` as a precision. Raises `NetworkError`."""
    for precision in PRECISIONS:
        if name == precision:
            return precision
    raise NetworkError(f"There is no precision {name!r}; there are {', '.join(PRECISIONS)}.")


def build_network(architecture: str, settings: Mapping[str, Any]) -> StyleNetwork:
    """An untrained network by the name and settings of its checkpoint. Raises `NetworkError`."""
    if architecture in ("johnson", "fast_neural_style"):
        raise NetworkError("The network was trained for one style and takes no other.")
    if architecture not in ARCHITECTURES:
        raise NetworkError(f"There is no network architecture {architecture!r}.")
    from params.network_files import check_network_settings

    try:
        # Bounds come first: settings of a stranger's file could ask for any amount of memory.
        check_network_settings(architecture, settings)
        return ARCHITECTURES[architecture](**settings)
    except (TypeError, ValueError) as error:
        raise NetworkError(f"The settings do not fit {architecture}: {error}") from error


def bundled_networks() -> dict[str, Path]:
    """The networks whose weights this package holds, by name.

    Networks that are tuned to a style of the gallery have a folder: `tuned/STYLE.safetensors` is the
    network `tuned-STYLE`.
    """
    paths = {name: WEIGHTS / f"{name}.safetensors" for name in NAMES}
    tuned = WEIGHTS / "tuned"
    paths |= {name: tuned / f"{name.removeprefix('tuned-')}.safetensors" for name in tuned_networks()}
    return {name: path for name, path in paths.items() if path.is_file()}


def open_network(name_or_path: str | Path, precision: Precision = "fp32") -> StyleNetwork:
    """A bundled network by name, or that of a file, ready to use.

    "int8" is for networks whose file holds the ranges of `nst_core.networks.quantization`. Raises
    `NetworkError`, or `CheckpointError` if the file is no network.
    """
    path = network_file(name_or_path)
    if precision == "fp32":
        return load_network(path)
    ranges = read_metadata(path).get("int8")
    if not ranges:
        raise NetworkError(
            f"The network {str(name_or_path)!r} was not quantised. Use fp32, or make a file that holds "
            "int8 too with: atelier quantize NETWORK --content DIR --style DIR --out FILE."
        )
    from nst_core.networks.quantization import quantize

    try:
        return quantize(load_network(path), ranges)
    except KeyError as error:
        raise CheckpointError(f"{path} has an int8 range of no convolution: {error}.") from error


def precisions(name_or_path: str | Path) -> tuple[Precision, ...]:
    """The precisions that a network supports. Raises `NetworkError` or `CheckpointError`."""
    return PRECISIONS if read_metadata(network_file(name_or_path)).get("int8") else ("fp32",)


def network_file(name_or_path: str | Path) -> Path:
    """The file of a bundled network or the path itself. Raises `NetworkError` if it is not there."""
    bundled = bundled_networks()
    name = str(name_or_path)
    if name in bundled:
        return bundled[name]
    if name in NAMES:
        raise NetworkError(
            f"The network {name!r} has no bundled weights. Train it with: "
            f"atelier train --kind adain --network {name} --content DIR --style DIR --out FILE."
        )
    path = Path(name_or_path)
    if not path.is_file():
        known = ", ".join(name for name in NAMES if name in bundled) or "none"
        raise NetworkError(f"There is no network {name!r}: not bundled ({known}) and not a file.")
    return path


def load_network(path: str | Path) -> StyleNetwork:
    """The network of a file, in single precision and evaluation mode. Raises `CheckpointError`."""
    metadata = read_metadata(path)
    architecture = str(metadata.get("architecture"))
    settings = metadata.get("settings", {})
    if Path(path) in bundled_networks().values():
        # Of this package: nothing to check, and pydantic need not be installed.
        network = ARCHITECTURES[architecture](**settings)
    else:
        _check_metadata(architecture, metadata)
        network = build_network(architecture, settings)
    try:
        network.load_trained_state_dict(load_weights(path, architecture))
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise CheckpointError(f"{path} does not fit {architecture}: {reason}") from error
    network.noise = float(metadata.get("noise", 0.0))
    statistics = (metadata.get("style") or {}).get("statistics")
    if statistics is not None:
        if len(statistics) != network.statistics_width:
            raise CheckpointError(f"{path} does not fit {architecture}: its style has another width.")
        network.tuned_style = torch.tensor([statistics], dtype=torch.float32)
    return network.eval()


def _check_metadata(architecture: str, metadata: Mapping[str, Any]) -> None:
    """Raise `NetworkError` for metadata out of bounds, as a file of a stranger may have."""
    from params.errors import SettingsError
    from params.network_files import check_network_metadata

    try:
        check_network_metadata(architecture, metadata)
    except SettingsError as error:
        raise NetworkError(f"The settings do not fit {architecture}: {error}") from error
