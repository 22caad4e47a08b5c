"""Networks kept warm between jobs: bundled ones by name, trained ones by the SHA-256 of their file."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.settings import Settings

if TYPE_CHECKING:
    from nst_core.networks.registry import Precision
    from nst_core.stylize.engine import StyleEngine
    from nst_core.stylize.johnson_engine import JohnsonEngine

#: Networks in memory at once; the one used longest ago makes room.
CAPACITY = 3


class Engines:
    """A bounded cache of engines by the network's key: its name, or the SHA-256 of its file."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._kept: OrderedDict[str, StyleEngine | JohnsonEngine] = OrderedDict()
        self._fingerprints: dict[str, str] = {}
        # Jobs may run side by side; a network is loaded once for all of them.
        self._lock = threading.Lock()

    def add_file(self, sha256: str, fetch: Callable[[], bytes]) -> bool:
        """Make sure that a trained network is on this machine; returns whether it was not."""
        path = self._path(sha256)
        if path.exists():
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_bytes(fetch())
        temporary.replace(path)
        return True

    def get(self, network: str) -> StyleEngine | JohnsonEngine:
        """The engine of a network, loaded if need be. Raises `ValueError` for one that is not there."""
        with self._lock:
            if network not in self._kept:
                self._kept[network] = self._opened(network)
            self._kept.move_to_end(network)
            while len(self._kept) > CAPACITY:
                self._kept.popitem(last=False)
            return self._kept[network]

    def _opened(self, network: str) -> StyleEngine | JohnsonEngine:
        import torch

        from nst_core.networks.feed_forward import is_feed_forward
        from nst_core.networks.registry import network_file
        from nst_core.stylize.engine import StyleEngine
        from nst_core.stylize.johnson_engine import JohnsonEngine

        settings = self._settings
        if settings.torch_threads:
            torch.set_num_threads(settings.torch_threads)
        file = network_file(self.file(network))
        if is_feed_forward(file):
            return JohnsonEngine(
                file, settings.runtime, settings.device, memory_mb=settings.network_memory_mb
            )
        return StyleEngine(
            file,
            settings.runtime,
            settings.device,
            precision=self._precision(network),
            memory_mb=settings.network_memory_mb,
            cache=settings.graphs,
        )

    def runtime(self, network: str) -> str:
        """The name of the runtime that a network runs on."""
        runtime = self.get(network).runtime
        return runtime if isinstance(runtime, str) else runtime.name

    def version(self, network: str) -> str:
        """What decides an output beside the job itself: the weights, and the release that runs them."""
        from importlib.metadata import version

        return f"{self.fingerprint(network)}@{version('atelier')}"

    def versions(self) -> dict[str, str]:
        """The version of every network that has weights."""
        from nst_core.networks.registry import bundled_networks

        return {network: self.version(network) for network in bundled_networks()}

    def fingerprint(self, network: str) -> str:
        """The precision and the SHA-256 of a network's weights, shortened: what its statistics mean."""
        if network not in self._fingerprints:
            from nst_core.networks.registry import network_file

            data = network_file(self.file(network)).read_bytes()
            digest = hashlib.sha256(data).hexdigest()[:32]
            self._fingerprints[network] = f"{network[:32]}:{self._precision(network)}:{digest}"
        return self._fingerprints[network]

    def _precision(self, network: str) -> Precision:
        """What is set, if the network has it: another must not fail for want of it."""
        from nst_core.networks.registry import precisions

        found = precisions(self.file(network))
        wanted = self._settings.precision
        if wanted == "auto":
            wanted = "int8" if self._integers_are_quick() else "fp32"
        return wanted if wanted in found else "fp32"

    def _integers_are_quick(self) -> bool:
        """OpenVINO computes with them. PyTorch only rounds, which takes longer than not to."""
        from importlib.util import find_spec

        from nst_core.runtimes.runtime import choose_device

        openvino = self._settings.runtime in {"auto", "openvino"} and find_spec("openvino") is not None
        return openvino and choose_device(self._settings.device) == "cpu"

    def file(self, network: str) -> str | Path:
        """What `nst_core` knows the network by: its name, or its file."""
        path = self._path(network)
        return path if path.exists() else network

    def _path(self, sha256: str) -> Path:
        return self._settings.home / "networks" / f"{sha256}.safetensors"
