"""Cache of style statistics by the style's SHA-256: in memory, then in the database."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from jobs.db.engine import SessionFactory, reading
from jobs.db.models.catalog import StyleStatistics
from jobs.db.upserts import insert_style_statistics

if TYPE_CHECKING:
    from torch import Tensor

#: Vectors kept in memory, of a few kilobytes each.
CAPACITY = 2_000


def statistics_key(fingerprint: str, owner: str) -> str:
    """The key of a network's statistics for one owner.

    Owners share no statistics: whether a style was cached, or how long it took, would tell one owner
    which pictures another has.
    """
    return hashlib.sha256(f"{owner}\0{fingerprint}".encode()).hexdigest()


class StatisticsCache:
    """A two-level cache (memory, database) of style statistics. Thread-safe."""

    def __init__(self, sessions: SessionFactory) -> None:
        self._sessions = sessions
        self._cache: OrderedDict[tuple[str, str], Tensor] = OrderedDict()
        # Jobs of one batch often share a style: the second waits for the first one's computation.
        self._lock = threading.Lock()

    def get(self, sha256: str, network: str, compute: Callable[[], Tensor]) -> tuple[Tensor, bool]:
        """The statistics (1, S), and whether they were in the cache; `compute` is called if not."""
        with self._lock:
            return self._get(sha256, network, compute)

    def _get(self, sha256: str, network: str, compute: Callable[[], Tensor]) -> tuple[Tensor, bool]:
        key = (sha256, network)
        if key in self._cache:
            self._cache.move_to_end(key)
            return self._cache[key], True
        stored = self._load(sha256, network)
        values = compute() if stored is None else stored
        if stored is None:
            with self._sessions.begin() as session:
                insert_style_statistics(
                    session, sha256, network, values.cpu().numpy().astype("<f4").tobytes()
                )
        self._cache[key] = values
        while len(self._cache) > CAPACITY:
            self._cache.popitem(last=False)
        return values, stored is not None

    def _load(self, sha256: str, network: str) -> Tensor | None:
        import numpy as np
        import torch

        with reading(self._sessions) as session:
            row = session.get(StyleStatistics, (sha256, network))
        if row is None:
            return None
        return torch.from_numpy(np.frombuffer(row.values, dtype="<f4").astype("float32"))[None]
