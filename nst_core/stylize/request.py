"""A stylize request, and the report of how it was rendered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from nst_core.errors import NstError
from nst_core.images.picture import Picture
from nst_core.stylize.composition import COLORS, Color
from nst_core.stylize.grain import DEFAULT_TEXTURE, LARGEST_SEED
from nst_core.stylize.regions import Region
from nst_core.stylize.strokes import BROADEST, FINEST, working_side

#: Largest number of pixels of a result. A picture takes about 40 bytes per pixel in addition to the
#: memory of the network.
MAX_PIXELS = 250_000_000

#: Progress listener: called with stage, step and total. Stages are "prepare", "render" and "finish".
OnProgress = Callable[[str, int, int], None]
#: Listener for notices: called with one sentence when something is done otherwise than requested.
OnNotice = Callable[[str], None]


class StylizeError(NstError):
    """A picture can't be stylised as requested."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RenderRequest:
    """One content picture to be rendered at one or several strengths.

    `style` is the statistics (1, S) of `Engine.style_statistics` or `mix`; None for a network that
    holds its style. `alphas` are strengths from 0, the source pixels themselves, to 1; each gives one
    picture. `size` is the longer side of the results in pixels, the content's own if None. `color`
    "luminance" takes the light from the network and the hues from the content; "match" keeps the
    content's colours (measure the style with `match=content`). `stroke` is the width of the strokes as
    a share of the picture, from 0.5 to 8, where 1 is the width that a picture of 1024 pixels gets; None
    renders strokes of the network's own width in pixels. Later `regions` cover earlier ones; a region
    with a strength of its own keeps that strength in all pictures. `texture` (0 smooth, 1 textured) is
    how much noise is added to the content if the network was trained with noise, and `seed` picks its
    pattern. Transparency is the content's.
    """

    content: Picture
    style: Tensor | None = None
    alphas: Sequence[float]
    size: int | None = None
    color: Color = "style"
    stroke: float | None = None
    regions: Sequence[Region] = ()
    texture: float = DEFAULT_TEXTURE
    seed: int = 0

    def check(self, max_pixels: int = MAX_PIXELS) -> None:
        """Raise `StylizeError` for a value out of range or a result of more than `max_pixels`."""
        for alpha in self.alphas:
            if not 0 <= alpha <= 1:
                raise StylizeError(f"The strength alpha goes from 0 to 1; got {alpha}.")
        if self.color not in COLORS:
            raise StylizeError(f"There is no color {self.color!r}; there are {', '.join(COLORS)}.")
        if self.stroke is not None and not FINEST <= self.stroke <= BROADEST:
            raise StylizeError(f"The stroke goes from {FINEST:g} to {BROADEST:g}; got {self.stroke}.")
        if self.size is not None and self.size < 1:
            raise StylizeError(f"The size is at least 1 pixel; got {self.size}.")
        if not 0 <= self.texture <= 1:
            raise StylizeError(f"The texture goes from 0 to 1; got {self.texture}.")
        if not 0 <= self.seed <= LARGEST_SEED:
            raise StylizeError(f"The seed is a whole number from 0 to {LARGEST_SEED}; got {self.seed}.")
        width, height = self.content.width, self.content.height
        working = 0 if self.stroke is None else working_side(self.stroke)
        scale = max(self.size or max(width, height), working) / max(width, height)
        if width * height * scale**2 > max_pixels:
            fits = int((max_pixels / (width * height)) ** 0.5 * max(width, height))
            raise StylizeError(
                f"{round(width * scale)}×{round(height * scale)} pixels are more than fit in memory. "
                f"Ask for a size of up to {fits}."
            )


@dataclass(kw_only=True)
class RenderReport:
    """How requests were rendered: the runtime and device in use at the end, and notices for people."""

    runtime: str = ""
    device: str = ""
    notices: list[str] = field(default_factory=list)
