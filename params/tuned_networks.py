"""Table of the bundled networks that were tuned to one style of the gallery each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

#: SHA-256 of the picture of its style, and of its file, for each network; made by
#: `bench.networks.bundle_tuned`.
TABLE = Path(__file__).with_name("tuned_networks.json")
#: The network that a request leaves to the program: the one tuned to its style, else slim.
AUTO = "auto"
#: The network that `AUTO` stands for where no network is tuned to the style.
UNTUNED = "slim"


@dataclass(frozen=True, kw_only=True)
class TunedNetwork:
    """A bundled network: its name, the SHA-256 of its style's picture, and that of its own file."""

    name: str
    style_sha256: str
    sha256: str


@lru_cache(maxsize=1)
def tuned_networks() -> dict[str, TunedNetwork]:
    """The bundled tuned networks by name. Their weights are not read."""
    entries: dict[str, dict[str, str]] = json.loads(TABLE.read_text())
    return {
        name: TunedNetwork(name=name, style_sha256=entry["style"], sha256=entry["file"])
        for name, entry in entries.items()
    }


def network_tuned_to(style_sha256: str) -> str | None:
    """The name of the bundled network tuned to the style whose picture has this SHA-256, if any."""
    names = (each.name for each in tuned_networks().values() if each.style_sha256 == style_sha256)
    return next(names, None)
