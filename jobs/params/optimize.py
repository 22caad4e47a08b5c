"""Parameters of `optimize` jobs."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from params.optimize import GatysSettings


class OptimizeParams(GatysSettings):
    """Parameters of an `optimize` job: the pixels of one picture are optimised (Gatys et al. 2015)."""

    format: Literal["auto", "png", "jpeg", "webp"] = Field(
        "auto", description="Format of the output; `auto` keeps the photo's."
    )
    quality: int = Field(92, ge=1, le=100, description="Quality of JPEG and WebP.")
