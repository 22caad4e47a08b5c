"""The arbitrary-style networks, behind one interface, and where their weights are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nst_core.checkpoint import load_network
from nst_core.full import FullAdaIN
from nst_core.slim import SlimAdaIN
from nst_core.style_network import StyleNetwork as StyleNetwork

WEIGHTS = Path(__file__).parent / "weights"
#: What may be bundled, and the architecture that a training of that name builds.
NAMES: dict[str, str] = {"slim": SlimAdaIN.architecture, "full": FullAdaIN.architecture}


class NetworkError(ValueError):
    """There is no network of that name or in that file."""


def build_network(architecture: str, settings: Mapping[str, Any]) -> StyleNetwork:
    """An untrained network by the name and settings of its checkpoint. Raises `NetworkError`."""
    if architecture == SlimAdaIN.architecture:
        given = dict(settings)
        if "widths" in given:
            given["widths"] = tuple(given["widths"])
        return SlimAdaIN(**given)
    if architecture == FullAdaIN.architecture:
        return FullAdaIN(**settings)
    raise NetworkError(f"There is no network architecture {architecture!r}.")


def bundled_networks() -> dict[str, Path]:
    """The networks whose weights this package holds, by name."""
    paths = {name: WEIGHTS / f"{name}.safetensors" for name in NAMES}
    return {name: path for name, path in paths.items() if path.is_file()}


def open_network(name_or_path: str | Path) -> StyleNetwork:
    """A bundled network by name, or that of a file, ready to use.

    Raises `NetworkError`, or `CheckpointError` if the file is no network.
    """
    bundled = bundled_networks()
    name = str(name_or_path)
    if name in bundled:
        return load_network(bundled[name])
    if name in NAMES:
        raise NetworkError(
            f"The network {name!r} has no bundled weights. Train it with: "
            f"atelier train --kind adain --network {name} --content DIR --style DIR --out FILE."
        )
    path = Path(name_or_path)
    if not path.is_file():
        known = ", ".join(sorted(bundled)) or "none"
        raise NetworkError(f"There is no network {name!r}: not bundled ({known}) and not a file.")
    return load_network(path)
