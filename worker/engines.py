"""Cache of loaded engines: bundled networks by name, trained networks by the SHA-256 of their file."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from imaging.atomic_write import atomic_write
from jobs.settings import Settings
from params.tuned_networks import tuned_networks

if TYPE_CHECKING:
    from nst_core.runtimes.choice import RenderPrecision
    from nst_core.stylize.engine import Engine

#: Engines in memory at once; the least recently used engine is dropped. A tuned network takes about 10
#: MB with its compiled graphs, and a visitor tries all styles of the gallery.
CAPACITY = 24


class Engines:
    """LRU cache of engines. A network's key is its name, or the SHA-256 of its file."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loaded: OrderedDict[str, Engine] = OrderedDict()
        self._fingerprints: dict[str, str] = {}
        # Jobs may run in parallel threads; a network is loaded once for all of them.
        self._lock = threading.Lock()

    def add_file(self, sha256: str, fetch: Callable[[], bytes]) -> bool:
        """Store a trained network on this machine with `fetch`, if missing; returns whether it was."""
        path = self._path(sha256)
        if path.exists():
            return False
        data = fetch()
        with atomic_write(path) as file:
            file.write(data)
        return True

    def get(self, network: str) -> Engine:
        """The engine of a network, loaded on first use. Raises `NetworkError` for unknown networks."""
        with self._lock:
            if network not in self._loaded:
                self._loaded[network] = self._open(network)
            self._loaded.move_to_end(network)
            while len(self._loaded) > CAPACITY:
                self._loaded.popitem(last=False)
            return self._loaded[network]

    def _open(self, network: str) -> Engine:
        import torch

        from nst_core.stylize.open_engine import open_engine

        settings = self._settings
        if settings.torch_threads:
            torch.set_num_threads(settings.torch_threads)
        return open_engine(
            self.file(network),
            settings.runtime,
            settings.device,
            precision=self._precision(network),
            memory_mb=settings.network_memory_mb,
            cache=settings.graphs,
            threads=settings.torch_threads,
        )

    def version(self, network: str) -> str:
        """Version string of a network for the result cache: weights, precision and release."""
        from importlib.metadata import version

        return f"{self.fingerprint(network)}@{version('atelier')}"

    def versions(self) -> dict[str, str]:
        """The versions of all bundled networks, by name."""
        from nst_core.networks.registry import bundled_networks

        return {network: self.version(network) for network in bundled_networks()}

    def fingerprint(self, network: str) -> str:
        """Precision and shortened SHA-256 of a network's weights: the key of its style statistics."""
        if network not in self._fingerprints:
            digest = self._sha256(network)[:32]
            self._fingerprints[network] = f"{network[:32]}:{self._precision(network)}:{digest}"
        return self._fingerprints[network]

    def _sha256(self, network: str) -> str:
        """The SHA-256 of a network's file; tuned networks have it in their table, unread."""
        from nst_core.networks.registry import network_file

        tuned = tuned_networks().get(network)
        if tuned is not None:
            return tuned.sha256
        return hashlib.sha256(network_file(self.file(network)).read_bytes()).hexdigest()

    def _precision(self, network: str) -> RenderPrecision:
        """The precision of the settings, or fp32 for a network without int8 ranges."""
        from nst_core.networks.registry import precisions
        from nst_core.runtimes.choice import choose_device

        available = precisions(self.file(network))
        wanted = self._settings.precision
        if wanted == "auto":
            if choose_device(self._settings.device) != "cpu":
                return "fp16"
            wanted = "int8" if self._int8_is_faster() else "fp32"
        return wanted if wanted in available else "fp32"

    def _int8_is_faster(self) -> bool:
        """Whether OpenVINO on a CPU runs the network. PyTorch only emulates int8, slower than fp32."""
        from importlib.util import find_spec

        from nst_core.runtimes.choice import choose_device

        openvino = self._settings.runtime in {"auto", "openvino"} and find_spec("openvino") is not None
        return openvino and choose_device(self._settings.device) == "cpu"

    def file(self, network: str) -> str | Path:
        """The argument of `nst_core` functions for a network: its file, or its bundled name."""
        path = self._path(network)
        return path if path.exists() else network

    def _path(self, sha256: str) -> Path:
        return self._settings.home / "networks" / f"{sha256}.safetensors"
