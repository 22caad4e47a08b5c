"""Jobs that a worker runs side by side, and that meet at the network to be rendered in one pass.

Each runs as it would alone, in a thread of its own: with its own lease, progress, cancel and end.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nst_core.images.picture import Picture
    from nst_core.stylize.batching import Order
    from nst_core.stylize.engine import StyleEngine

log = logging.getLogger(__name__)

#: Who has come waits so many seconds for the others at the most.
PATIENCE = 5.0
#: How often, in seconds, those who wait look whether they must stop.
_LOOK = 0.05


@dataclass(eq=False)
class _Seat:
    """One job at the network. `pictures` is None where it has to be rendered alone."""

    engine: StyleEngine
    order: Order
    taken: bool = False
    done: bool = False
    pictures: list[Picture] | None = None
    together: int = 1


class Company:
    """The meeting of some jobs, known by their ids. Every method may be called from any thread."""

    def __init__(self, members: Iterable[str]) -> None:
        self._awaited = set(members)
        self._seats: list[_Seat] = []
        self._changed = threading.Condition()
        #: One pass at a time, or memory would be short for no other reason.
        self._network = threading.Lock()

    def leave(self, member: str) -> None:
        """Nobody needs to wait for this one any more."""
        with self._changed:
            self._awaited.discard(member)
            self._changed.notify_all()

    def paint(
        self,
        member: str,
        engine: StyleEngine,
        order: Order,
        alone: Callable[[], list[Picture]],
        check: Callable[[], None],
    ) -> tuple[list[Picture], int]:
        """What the engine makes of an order, and how many were made with it, itself included.

        Waits for the others as long as they may still come. Where the pass fails, everyone is made by
        `alone`, so that the one at fault fails for itself. Raises what `check` and `alone` raise.
        """
        seat = _Seat(engine, order)
        seats = self._meet(member, seat, check)
        if seats:
            with self._network:
                _paint(seats)
            with self._changed:
                for each in seats:
                    each.done = True
                self._changed.notify_all()
        else:
            self._await(seat, check)
        if seat.pictures is not None:
            return seat.pictures, seat.together
        with self._network:
            check()
            return alone(), 1

    def _meet(self, member: str, seat: _Seat, check: Callable[[], None]) -> list[_Seat]:
        """Everyone who is there, if it is up to this one to paint for them; else nobody."""
        until = time.monotonic() + PATIENCE
        with self._changed:
            self._awaited.discard(member)
            self._seats.append(seat)
            self._changed.notify_all()
            try:
                while not seat.taken and self._awaited and time.monotonic() < until:
                    self._changed.wait(_LOOK)
                    check()
                if seat.taken:
                    return []
                seats, self._seats = self._seats, []
                for each in seats:
                    each.taken = True
                return seats
            except BaseException:
                if not seat.taken:
                    self._seats.remove(seat)
                raise

    def _await(self, seat: _Seat, check: Callable[[], None]) -> None:
        with self._changed:
            while not seat.done:
                self._changed.wait(_LOOK)
                check()


def _paint(seats: list[_Seat]) -> None:
    """One pass for the seats of each engine. What goes wrong is left to the singles to say."""
    engines = {id(seat.engine): seat.engine for seat in seats}
    for key, engine in engines.items():
        chosen = [seat for seat in seats if id(seat.engine) == key]
        if len(chosen) == 1:
            continue
        try:
            made = engine.stylize_together([seat.order for seat in chosen])
        except Exception as error:
            log.warning("%d jobs can't be rendered together, so each alone: %r", len(chosen), error)
            continue
        for seat, pictures in zip(chosen, made, strict=True):
            seat.pictures, seat.together = pictures, len(chosen)
