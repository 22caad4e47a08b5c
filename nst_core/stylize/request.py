"""A stylize request, and the report of how it was rendered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from torch import Tensor

from nst_core.errors import NstError
from nst_core.images.picture import Picture
from nst_core.stylize.regions import Region
from params.working_size import working_side

if TYPE_CHECKING:
    from params.painting import PictureSettings

#: Largest number of pixels of a result. A picture takes about 40 bytes per pixel in addition to the
#: memory of the network.
MAX_PIXELS = 250_000_000

#: Progress listener: called with stage, step and total. Stages are "prepare", "render" and "finish".
OnProgress = Callable[[str, int, int], None]
#: Listener for notices: called with one sentence when something is done otherwise than requested.
OnNotice = Callable[[str], None]


def _default_settings() -> PictureSettings:
    # Imported here, so that nst_core can be imported where pydantic is not installed.
    from params.painting import PictureSettings

    return PictureSettings()


class StylizeError(NstError):
    """A picture can't be stylised as requested."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RenderRequest:
    """One content picture to be rendered at one or several strengths.

    `style` is the statistics (1, S) of `Engine.style_statistics` or `mix`; None for a network that
    holds its style. `alphas` are strengths from 0, the source pixels themselves, to 1; each gives one
    picture. For the `color` "match" of the `settings`, measure the style with `match=content`. Later
    `regions` cover earlier ones; a region with a strength of its own keeps that strength in all
    pictures. Transparency is the content's.
    """

    content: Picture
    style: Tensor | None = None
    alphas: Sequence[float]
    settings: PictureSettings = field(default_factory=_default_settings)
    regions: Sequence[Region] = ()

    def check(self, max_pixels: int = MAX_PIXELS) -> None:
        """Raise `StylizeError` for a value out of range or a result of more than `max_pixels`."""
        for alpha in self.alphas:
            if not 0 <= alpha <= 1:
                raise StylizeError(f"The strength alpha goes from 0 to 1; got {alpha}.")
        size, stroke = self.settings.size, self.settings.stroke
        width, height = self.content.width, self.content.height
        working = 0 if stroke is None else working_side(stroke)
        scale = max(size or max(width, height), working) / max(width, height)
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
