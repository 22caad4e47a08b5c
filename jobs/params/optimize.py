"""Parameters of `optimize` jobs."""

from __future__ import annotations

from params.optimize import GatysSettings
from params.painting import PictureFileSettings


class OptimizeParams(GatysSettings, PictureFileSettings):
    """Parameters of an `optimize` job: the pixels of one picture are optimised (Gatys et al. 2015)."""
