"""Network files: safetensors with architecture and settings in the metadata."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from imaging.atomic_write import atomic_write
from nst_core.errors import NstError

FORMAT = "atelier-network/1"


class CheckpointError(NstError):
    """A file is no network saved by Atelier, or its weights do not fit its architecture."""


class Savable(Protocol):
    """A network that can be saved to a file."""

    @property
    def architecture(self) -> str:
        """The architecture's name in files."""
        ...

    @property
    def settings(self) -> dict[str, object]:
        """Constructor arguments."""
        ...

    def trained_state_dict(self) -> dict[str, Tensor]:
        """The weights to be written."""
        ...


def save_network(network: Savable, path: str | Path, *, half: bool = False, **metadata: object) -> Path:
    """Write `network` and its `architecture` and `settings`, with `metadata` (JSON values) beside them.

    Only trained weights are written, atomically. Raises `OSError`.
    """
    path = Path(path)
    state = network.trained_state_dict()
    tensors = {name: _plain(value, half) for name, value in state.items()}
    described = {
        "format": FORMAT,
        "architecture": network.architecture,
        "settings": network.settings,
        **metadata,
    }
    data = save(tensors, {key: json.dumps(value) for key, value in described.items()})
    with atomic_write(path, durable=True) as file:
        file.write(data)
    return path


def _plain(value: Tensor, half: bool) -> Tensor:
    value = value.detach().cpu().contiguous()
    return value.half() if half and value.is_floating_point() else value


def read_metadata(path: str | Path) -> dict[str, Any]:
    """The metadata of a saved network. Raises `CheckpointError` if the file is none."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} is not a safetensors file: {error}.") from error
    if metadata.get("format") != json.dumps(FORMAT):
        raise CheckpointError(f"{path} is not a network saved by Atelier.")
    return {key: json.loads(value) for key, value in metadata.items()}


def load_weights(path: str | Path, architecture: str) -> dict[str, Tensor]:
    """The weights of a file of `architecture`, in single precision. Raises `CheckpointError`."""
    named = read_metadata(path)["architecture"]
    if named != architecture:
        raise CheckpointError(f"{path} holds a network of the kind {named}, not {architecture}.")
    with safe_open(path, framework="pt") as file:
        weights = {key: file.get_tensor(key).float() for key in file.keys()}  # noqa: SIM118
    # A sum is NaN or infinite if a value is; large finite weights may overflow, so look again.
    for key, value in weights.items():
        if not bool(torch.isfinite(value.sum())) and not bool(torch.isfinite(value).all()):
            raise CheckpointError(f"{path} holds weights that are no numbers ({key}). It is damaged.")
    return weights
