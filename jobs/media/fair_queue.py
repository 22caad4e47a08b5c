"""Queue between threads that serves owners in turn (round robin)."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """Items of one owner come out in the order in which they were put; owners take turns."""

    def __init__(self) -> None:
        self._filled = threading.Condition()
        #: Items by owner; the owner who is next comes first.
        self._items: OrderedDict[str, deque[T]] = OrderedDict()

    def put(self, owner: str, item: T) -> None:
        """Add an item of an owner."""
        with self._filled:
            self._items.setdefault(owner, deque()).append(item)
            self._filled.notify()

    def get(self) -> T:
        """Take the next item; waits for one."""
        with self._filled:
            while not self._items:
                self._filled.wait()
            owner, items = self._items.popitem(last=False)
            item = items.popleft()
            if items:
                self._items[owner] = items  # behind the other owners
            return item
