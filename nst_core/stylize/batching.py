"""Orders that a network can paint in one pass, found among many."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from nst_core.images.picture import Picture, resize_picture
from nst_core.stylize.composition import Color
from nst_core.stylize.grain import DEFAULT_TEXTURE
from nst_core.stylize.plan import Plan
from nst_core.stylize.regions import Region
from nst_core.stylize.strokes import working_side


@dataclass(frozen=True, kw_only=True, eq=False)
class Order:
    """What `StyleEngine.stylize_strip` is called with, and means the same."""

    content: Picture
    style: Tensor
    alphas: Sequence[float]
    size: int | None = None
    color: Color = "style"
    stroke: float | None = None
    regions: Sequence[Region] = ()
    texture: float = DEFAULT_TEXTURE
    seed: int = 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """An order with its content at the size of the result, and what has to be painted."""

    order: Order
    source: Picture
    plan: Plan

    @classmethod
    def of(cls, order: Order) -> Prepared:
        """Resize the content and lay out the pictures."""
        content = order.content
        source = content if order.size is None else resize_picture(content, order.size)
        plan = Plan(order.style, order.alphas, order.regions, source.width, source.height)
        return cls(order=order, source=source, plan=plan)

    @property
    def shape(self) -> tuple[object, ...]:
        """Equal for orders that can go through the network together.

        The content's own size counts with a stroke: it is resized from there to the working size.
        """
        source, content, stroke = self.source, self.order.content, self.order.stroke
        own = None if stroke is None else (content.width, content.height)
        return source.width, source.height, stroke, own, len(self.plan.targets)

    @property
    def largest(self) -> tuple[int, int]:
        """Height and width of the largest picture that the network is given for it."""
        source, stroke = self.source, self.order.stroke
        side = 0 if stroke is None else working_side(stroke)
        scale = max(1.0, side / max(source.width, source.height))
        return round(source.height * scale), round(source.width * scale)


def groups(prepared: Sequence[Prepared], room: Callable[[Prepared], int]) -> Iterator[list[int]]:
    """The places of orders of one shape, never more than there is `room` for; each of them once."""
    alike: dict[tuple[object, ...], list[int]] = {}
    for number, one in enumerate(prepared):
        alike.setdefault(one.shape, []).append(number)
    for numbers in alike.values():
        first = prepared[numbers[0]]
        # What is the source itself is not painted, so that it needs no company.
        most = max(1, room(first)) if first.plan.targets else 1
        parts = -(-len(numbers) // most)
        # As even as can be: each number of pictures is one more shape to compile for.
        size = -(-len(numbers) // parts)
        yield from (numbers[start : start + size] for start in range(0, len(numbers), size))
