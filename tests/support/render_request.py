"""Render requests with settings given by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from nst_core.images.picture import Picture
from nst_core.stylize.regions import Region
from nst_core.stylize.request import RenderRequest
from params.painting import PictureSettings


def render_request(
    content: Picture,
    style: Tensor | None = None,
    *,
    alphas: Sequence[float],
    regions: Sequence[Region] = (),
    **settings: Any,
) -> RenderRequest:
    """A request with `PictureSettings` of these values."""
    return RenderRequest(
        content=content,
        style=style,
        alphas=alphas,
        settings=PictureSettings(**settings),
        regions=regions,
    )
