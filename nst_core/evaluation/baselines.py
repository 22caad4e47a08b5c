"""Baselines that every style transfer has to beat."""

from __future__ import annotations

import numpy as np

from nst_core.images.picture import Picture


def content_itself(content: Picture, style: Picture) -> Picture:
    """The content, unchanged."""
    return content


def color_transfer(content: Picture, style: Picture) -> Picture:
    """Give each of R, G and B the style's mean and deviation (after Reinhard et al. 2001)."""
    mine = content.pixels.reshape(-1, 3).astype(np.float32)
    theirs = style.pixels.reshape(-1, 3).astype(np.float32)
    scale = theirs.std(0) / np.maximum(mine.std(0), 1e-3)
    moved = (mine - mine.mean(0)) * scale + theirs.mean(0)
    pixels = np.floor(moved.clip(0, 255) + 0.5).astype(np.uint8).reshape(content.pixels.shape)
    return Picture(pixels, content.alpha, content.format)


BASELINES = {"content itself": content_itself, "color transfer": color_transfer}
