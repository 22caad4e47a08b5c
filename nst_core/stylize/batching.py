"""Groups requests whose pictures can go through the network in one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from nst_core.images.picture import Picture, resize_picture
from nst_core.stylize.plan import Plan
from nst_core.stylize.request import RenderRequest
from params.working_size import working_side


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """A request with its source, the content at the size of the result, and its plan."""

    request: RenderRequest
    source: Picture
    plan: Plan

    @classmethod
    def of(cls, request: RenderRequest, *, fixed_style: bool = False) -> Prepared:
        """Resize the content and compile the plan."""
        content = request.content
        size = request.settings.size
        source = content if size is None else resize_picture(content, size)
        plan = Plan(request, source.width, source.height, fixed_style=fixed_style)
        return cls(request=request, source=source, plan=plan)

    @property
    def shape(self) -> tuple[object, ...]:
        """Equal for requests that can go through the network together.

        With a stroke the content's own size counts too: it is resized from there to the working size.
        """
        source, content, stroke = self.source, self.request.content, self.request.settings.stroke
        content_size = None if stroke is None else (content.width, content.height)
        return source.width, source.height, stroke, content_size, len(self.plan.targets)

    @property
    def largest(self) -> tuple[int, int]:
        """Height and width in pixels of the largest network input of the request."""
        source, stroke = self.source, self.request.settings.stroke
        side = 0 if stroke is None else working_side(stroke)
        scale = max(1.0, side / max(source.width, source.height))
        return round(source.height * scale), round(source.width * scale)


def groups(prepared: Sequence[Prepared], room: Callable[[int, int], int]) -> Iterator[list[int]]:
    """Groups of indices of requests of one shape; each index occurs once.

    `room` gives the number of pictures of a height and a width that fit in memory together. A group is
    not larger than that.
    """
    by_shape: dict[tuple[object, ...], list[int]] = {}
    for index, one in enumerate(prepared):
        by_shape.setdefault(one.shape, []).append(index)
    for indices in by_shape.values():
        first = prepared[indices[0]]
        # A request without targets needs no network, so grouping gains nothing.
        limit = max(1, room(*first.largest)) if first.plan.targets else 1
        count = -(-len(indices) // limit)
        # Groups of equal size, because each batch size is one more shape to compile for.
        size = -(-len(indices) // count)
        yield from (indices[start : start + size] for start in range(0, len(indices), size))
