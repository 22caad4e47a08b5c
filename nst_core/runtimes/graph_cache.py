"""Disk cache of converted graphs, so that a new process starts quickly."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from nst_core.networks.base import StyleNetwork


@dataclass(frozen=True)
class GraphFiles:
    """The cache folder of one network, for one version of one runtime."""

    folder: Path

    @classmethod
    def of(cls, network: StyleNetwork, cache: Path | None, version: str) -> GraphFiles | None:
        """The folder for `network` under `cache`, named by a digest of weights and versions.

        None if `cache` is None or can't be written; graphs are then converted in every process.
        """
        if cache is None:
            return None
        digest = hashlib.sha256(f"{network!r} {version} torch-{torch.__version__}".encode())
        for name, value in sorted(network.state_dict().items()):
            digest.update(name.encode())
            digest.update(value.detach().cpu().contiguous().numpy().tobytes())
        folder = cache / f"{network.architecture}-{digest.hexdigest()[:24]}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            return None
        return cls(folder) if os.access(folder, os.W_OK) else None

    def find(self, name: str) -> Path | None:
        """The file `name`, if it exists."""
        path = self.folder / name
        return path if path.is_file() else None

    def keep(self, write: Callable[[Path], object]) -> None:
        """Let `write` fill an empty folder, then move its files into the cache, each atomically.

        Errors such as a full disk are ignored: the graph is in memory and is only not cached.
        """
        try:
            with tempfile.TemporaryDirectory(dir=self.folder) as temporary:
                write(Path(temporary))
                # The weights (.bin) before the description that refers to them (.xml).
                for file in sorted(Path(temporary).iterdir()):
                    file.replace(self.folder / file.name)
        except (OSError, RuntimeError):
            return
