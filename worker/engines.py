"""Networks kept warm between jobs."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nst_core.engine import StyleEngine

#: Networks in memory at once; the one used longest ago makes room.
CAPACITY = 3


class Engines:
    """A bounded cache of engines by the network's name."""

    def __init__(self, *, runtime: str, device: str, threads: int) -> None:
        self._runtime = runtime
        self._device = device
        self._threads = threads
        self._kept: OrderedDict[str, StyleEngine] = OrderedDict()
        self._fingerprints: dict[str, str] = {}

    def get(self, network: str) -> StyleEngine:
        """The engine of a network, loaded if need be. Raises `ValueError` for one that is not there."""
        if network in self._kept:
            self._kept.move_to_end(network)
            return self._kept[network]
        import torch

        from nst_core.engine import StyleEngine

        if self._threads:
            torch.set_num_threads(self._threads)
        engine = StyleEngine(network, runtime=self._runtime, device=self._device)
        self._kept[network] = engine
        while len(self._kept) > CAPACITY:
            self._kept.popitem(last=False)
        return engine

    def fingerprint(self, network: str) -> str:
        """The SHA-256 of a network's weights, shortened: names what its statistics mean."""
        if network not in self._fingerprints:
            from nst_core.networks import bundled_networks

            data = bundled_networks()[network].read_bytes()
            self._fingerprints[network] = f"{network}:{hashlib.sha256(data).hexdigest()[:32]}"
        return self._fingerprints[network]
