from __future__ import annotations

from support.network_fixtures import folders, photo, seeded, untrained

__all__ = ["folders", "photo", "seeded", "untrained"]
