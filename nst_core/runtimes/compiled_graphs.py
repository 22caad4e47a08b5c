"""The compiled graphs of a process: those used last, within a limit of memory for all networks."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cache
from typing import Any


@dataclass(frozen=True)
class _Compiled:
    request: Any
    megabytes: float


class CompiledGraphs:
    """Inference requests by the object they belong to and a key, with the memory that each one holds.

    A graph is compiled for one shape and holds the memory of its passes. If each network kept some
    graphs of its own, a worker that meets many networks and shapes would fill the machine's memory.
    Graphs of an object that is gone are dropped at the next `make_room`. Thread-safe.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[weakref.ref[Any], Hashable], _Compiled] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def megabytes(self) -> float:
        """Memory of all graphs, as it was given to `add`."""
        with self._lock:
            return self._megabytes()

    def count(self, owner: object) -> int:
        """The number of graphs of an object."""
        with self._lock:
            return sum(ref() is owner for ref, _ in self._kept)

    def get(self, owner: object, key: Hashable) -> Any | None:
        """The request of a graph, which is then the one used last; None if it is not kept."""
        with self._lock:
            found = self._kept.get((weakref.ref(owner), key))
            if found is None:
                return None
            self._kept.move_to_end((weakref.ref(owner), key))
            return found.request

    def make_room(self, megabytes: float, limit: float) -> None:
        """Drop the graphs that were not used for the longest time, until `megabytes` more fit.

        All graphs together then take at most `limit` megabytes, unless the new one alone takes more.
        """
        with self._lock:
            for gone in [key for key in self._kept if key[0]() is None]:
                del self._kept[gone]
            while self._kept and self._megabytes() + megabytes > limit:
                self._kept.popitem(last=False)

    def add(self, owner: object, key: Hashable, request: Any, megabytes: float) -> None:
        """Keep a request; `make_room` before it is compiled."""
        with self._lock:
            self._kept[(weakref.ref(owner), key)] = _Compiled(request, megabytes)

    def _megabytes(self) -> float:
        return sum(compiled.megabytes for compiled in self._kept.values())


@cache
def compiled_graphs() -> CompiledGraphs:
    """The compiled graphs of this process."""
    return CompiledGraphs()
