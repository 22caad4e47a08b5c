"""Networks kept warm between jobs."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import TYPE_CHECKING

from jobs.settings import Settings

if TYPE_CHECKING:
    from nst_core.engine import StyleEngine
    from nst_core.networks import Precision

#: Networks in memory at once; the one used longest ago makes room.
CAPACITY = 3


class Engines:
    """A bounded cache of engines by the network's name."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._kept: OrderedDict[str, StyleEngine] = OrderedDict()
        self._fingerprints: dict[str, str] = {}

    def get(self, network: str) -> StyleEngine:
        """The engine of a network, loaded if need be. Raises `ValueError` for one that is not there."""
        if network in self._kept:
            self._kept.move_to_end(network)
            return self._kept[network]
        import torch

        from nst_core.engine import StyleEngine

        settings = self._settings
        if settings.torch_threads:
            torch.set_num_threads(settings.torch_threads)
        engine = StyleEngine(
            network,
            settings.runtime,
            settings.device,
            precision=self._precision(network),
            memory_mb=settings.network_memory_mb,
            cache=settings.graphs,
        )
        self._kept[network] = engine
        while len(self._kept) > CAPACITY:
            self._kept.popitem(last=False)
        return engine

    def version(self, network: str) -> str:
        """What decides an output beside the job itself: the weights, and the release that runs them."""
        from importlib.metadata import version

        return f"{self.fingerprint(network)}@{version('atelier')}"

    def versions(self) -> dict[str, str]:
        """The version of every network that has weights."""
        from nst_core.networks import bundled_networks

        return {network: self.version(network) for network in bundled_networks()}

    def fingerprint(self, network: str) -> str:
        """The precision and the SHA-256 of a network's weights, shortened: what its statistics mean."""
        if network not in self._fingerprints:
            from nst_core.networks import bundled_networks

            data = bundled_networks()[network].read_bytes()
            digest = hashlib.sha256(data).hexdigest()[:32]
            self._fingerprints[network] = f"{network}:{self._precision(network)}:{digest}"
        return self._fingerprints[network]

    def _precision(self, network: str) -> Precision:
        """int8 if that is set and the network has it: another must not fail for want of it."""
        from nst_core.networks import precisions

        wanted: Precision = self._settings.precision
        return wanted if wanted in precisions(network) else "fp32"
